use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);

#[tool(authenticated, scopes = "employees:read:public")]
async fn profile() -> String {
    String::new()
}

#[tool(any_scope("employees:read:public"), authenticated)]
async fn any_scope() {}

#[tool(authenticated = true)]
async fn with_value() {}

fn main() {}
