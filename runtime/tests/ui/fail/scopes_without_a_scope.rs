use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);

#[tool(scopes)]
async fn none() {}

#[tool(scopes())]
async fn empty() {}

#[tool(any_scope())]
async fn empty_any() {}

#[tool(scopes = "")]
async fn empty_literal() {}

fn main() {}
