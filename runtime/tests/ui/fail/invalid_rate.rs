use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:public"]);

#[tool(authenticated, rate = "30")]
async fn without_unit() {}

#[tool(authenticated, rate = "0/minute")]
async fn zero() {}

#[tool(authenticated, rate = "30/minutes")]
async fn unknown_unit() {}

#[tool(authenticated, rate = 30)]
async fn integer() {}

#[prompt(authenticated, total_rate = "1000001/day")]
async fn too_many() -> String {
    String::new()
}

#[resource(uri = "company://handbook", authenticated, total_rate)]
async fn without_value() -> String {
    String::new()
}

#[tool(authenticated, rate_limit = "30/minute")]
async fn name_of_another_framework() {}

fn main() {}
