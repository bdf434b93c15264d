use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);

#[tool("employees:read:public")]
async fn without_name() {}

#[tool(scopes: "employees:read:public")]
async fn colon() {}

#[tool(scopes = "employees:read:public" read_only)]
async fn no_comma() {}

#[tool = "employees:read:public"]
async fn name_value() {}

#[tool(scopes = )]
async fn no_value() {}

fn main() {}
