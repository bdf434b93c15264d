use toolgate::prelude::*;

pub const SCOPES: Scopes = Scopes::new(&["employees:read:public"]);

#[tool(scopes = "employees:read:private")]
async fn profile() {}

fn main() {}
