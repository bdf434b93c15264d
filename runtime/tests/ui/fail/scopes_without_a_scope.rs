use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);

#[tool(scopes)]
async fn no_value() {}

#[tool(scopes())]
async fn empty_list() {}

#[tool(any_scope())]
async fn empty_any_scope() {}

#[tool(scopes = "")]
async fn empty_literal() {}

fn main() {}
