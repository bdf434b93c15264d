use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);

#[tool(scopes = "employees:read:public", name = "look up")]
async fn name_with_a_space() {}

#[tool(scopes = "employees:read:public", name = "")]
async fn empty_name() {}

#[tool(scopes = "employees:read:public")]
async fn größe() {}

fn main() {}
