use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:public"]);

#[tool(scopes = "employees:read:public" | "employees:read:private")]
async fn or() {}

#[tool(scopes("employees:read:public" && "employees:read:private"))]
async fn and() {}

#[tool(scopes = ("employees:read:public", "employees:read:private"))]
async fn tuple() {}

#[tool(scopes = b"employees:read:public")]
async fn bytes() {}

fn main() {}
