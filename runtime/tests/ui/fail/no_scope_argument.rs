use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);

#[tool]
async fn bare() {}

#[tool()]
async fn empty() {}

#[tool(name = "other", read_only)]
async fn only_others() {}

fn main() {}
