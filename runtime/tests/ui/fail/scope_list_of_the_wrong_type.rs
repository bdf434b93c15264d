use toolgate::prelude::*;

pub static SCOPES: &[&str] = &["employees:read:public"];

#[tool(scopes = "employees:read:public")]
async fn profile() {}

fn main() {}
