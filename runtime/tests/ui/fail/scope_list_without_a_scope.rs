use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&[]);

#[tool(scopes = "employees:read:public")]
async fn profile() {}

fn main() {}
