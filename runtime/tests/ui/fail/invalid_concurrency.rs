use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["tickets:read"]);

#[tool(authenticated, concurrency = 0)]
async fn zero() {}

#[tool(authenticated, concurrency = -1)]
async fn negative() {}

#[tool(authenticated, concurrency = "four")]
async fn string() {}

#[tool(authenticated, concurrency)]
async fn without_value() {}

#[tool(authenticated, concurrency = 5_000_000_000)]
async fn too_large() {}

fn main() {}
