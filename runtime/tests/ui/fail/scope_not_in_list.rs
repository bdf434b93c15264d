use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);

#[tool(scopes = "employees:read:pubic")]
async fn profile() -> String {
    String::new()
}

#[tool(scopes("employees:read:public", "Employees:Read:Private", "tickets"))]
async fn several() {}

#[tool(scopes = "tickets")]
async fn dissimilar() {}

#[tool(any_scope("employees:read:public", "employee:read:private"))]
async fn any_scope() {}

fn main() {}
