use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);

#[tool(scopes = "employees:read:public", name = "look up")]
async fn with_space() {}

#[tool(scopes = "employees:read:public", name = "")]
async fn empty() {}

#[tool(scopes = "employees:read:public")]
async fn größe() {}

fn main() {}
