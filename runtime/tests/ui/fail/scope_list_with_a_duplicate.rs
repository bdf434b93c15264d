use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:public", "employees:read:private", "employees:read:public"]);

#[tool(scopes = "employees:read:public")]
async fn profile() {}

fn main() {}
