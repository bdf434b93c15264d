use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);

#[tool(scopes = "employees:read:public", concurrency = 0)]
async fn none() {}

#[tool(scopes = "employees:read:public", concurrency = "four")]
async fn text() {}

#[tool(scopes = "employees:read:public", concurrency)]
async fn nothing() {}

fn main() {}
