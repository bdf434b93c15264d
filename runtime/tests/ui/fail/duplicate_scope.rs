use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);

#[tool(scopes("employees:read:public", "employees:read:public"))]
async fn profile() -> String {
    String::new()
}

#[tool(any_scope("employees:read:public", "employees:read:public"))]
async fn any_scope() {}

fn main() {}
