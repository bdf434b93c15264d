use toolgate::prelude::*;

#[tool(scopes = "employees:read:public")]
async fn profile() {}

#[tool(authenticated)]
async fn whoami() {}

const PUBLIC: Scope = scope!("employees:read:public");

fn main() {}
