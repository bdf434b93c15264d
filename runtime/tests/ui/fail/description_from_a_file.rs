use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:public"]);

#[doc = include_str!("description_from_a_file.rs")]
#[tool(authenticated)]
async fn profile() {}

fn main() {}
