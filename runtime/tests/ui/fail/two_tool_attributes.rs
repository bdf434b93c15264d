use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:public"]);

#[tool(authenticated)]
#[tool(scopes = "employees:read:public")]
async fn profile() {}

fn main() {}
