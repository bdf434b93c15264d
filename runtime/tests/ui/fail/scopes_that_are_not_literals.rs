use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);

const PUBLIC: &str = "employees:read:public";

#[tool(scopes = PUBLIC)]
async fn constant() {}

#[tool(scopes = ["employees:read:public"])]
async fn array() {}

#[tool(scopes("employees:read:public", 7))]
async fn number() {}

#[tool(any_scope = scope!("employees:read:public"))]
async fn value() {}

fn main() {}
