use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);

#[tool]
async fn no_arguments() {}

#[tool()]
async fn empty_list() {}

#[tool(name = "other", read_only)]
async fn only_other_arguments() {}

fn main() {}
