use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);

#[tool(scopes = "employees:read:public", name)]
async fn name_without_value() {}

#[tool(scopes = "employees:read:public", name = NAME)]
async fn constant_as_name() {}

#[tool(scopes = "employees:read:public", title = 7)]
async fn integer_as_title() {}

#[tool(scopes = "employees:read:public", description("text"))]
async fn list_as_description() {}

#[tool(scopes = "employees:read:public", description = format!("text"))]
async fn macro_as_description() {}

#[tool(scopes = "employees:read:public", read_only = "yes")]
async fn string_as_hint() {}

#[tool(scopes = "employees:read:public", destructive(true))]
async fn list_as_hint() {}

#[tool(scopes = "employees:read:public", meta)]
async fn meta_without_value() {}

#[tool(scopes = "employees:read:public", meta = 7)]
async fn integer_as_meta() {}

#[tool(scopes = "employees:read:public", guard)]
async fn guard_without_value() {}

#[tool(scopes = "employees:read:public", guard = "own_department")]
async fn string_as_guard() {}

#[tool(scopes = "employees:read:public", visible_to = "Owner")]
async fn string_as_visibility_rule() {}

#[tool(scopes = "employees:read:public", visible_to())]
async fn empty_list_of_visibility_rules() {}

#[tool(scopes = "employees:read:public", scopes_in = "SCOPES")]
async fn string_as_scope_list() {}

#[tool(scopes = "employees:read:public", scopes_in = &SCOPES)]
async fn reference_as_scope_list() {}

#[tool(scopes = "employees:read:public", scopes_in)]
async fn scopes_in_without_value() {}

#[tool(scopes = "employees:read:public", crate = "gate")]
async fn string_as_crate() {}

fn main() {}
