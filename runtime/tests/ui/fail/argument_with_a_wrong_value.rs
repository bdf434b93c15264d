use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);

#[tool(scopes = "employees:read:public", name)]
async fn name_of_nothing() {}

#[tool(scopes = "employees:read:public", title = 7)]
async fn number_as_title() {}

#[tool(scopes = "employees:read:public", description("text"))]
async fn list_as_description() {}

#[tool(scopes = "employees:read:public", read_only = "yes")]
async fn text_as_hint() {}

#[tool(scopes = "employees:read:public", destructive(true))]
async fn list_as_hint() {}

#[tool(scopes = "employees:read:public", meta)]
async fn meta_of_nothing() {}

#[tool(scopes = "employees:read:public", meta = 7)]
async fn number_as_meta() {}

#[tool(scopes = "employees:read:public", guard)]
async fn guard_of_nothing() {}

#[tool(scopes = "employees:read:public", guard = "own_department")]
async fn text_as_guard() {}

#[tool(scopes = "employees:read:public", visible_to = "Owner")]
async fn text_as_visibility() {}

#[tool(scopes = "employees:read:public", visible_to())]
async fn visible_to_nobody() {}

#[tool(scopes = "employees:read:public", scopes_in = "SCOPES")]
async fn text_as_list() {}

#[tool(scopes = "employees:read:public", scopes_in)]
async fn list_of_nothing() {}

#[tool(scopes = "employees:read:public", crate = "gate")]
async fn text_as_crate() {}

fn main() {}
