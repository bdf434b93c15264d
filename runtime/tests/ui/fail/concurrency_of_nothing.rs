use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["tickets:read"]);

#[tool(authenticated, concurrency = 0)]
async fn never() {}

#[tool(authenticated, concurrency = "four")]
async fn in_words() {}

#[tool(authenticated, concurrency)]
async fn unsaid() {}

#[tool(authenticated, concurrency = 5_000_000_000)]
async fn without_end() {}

fn main() {}
