use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["tickets:read"]);

#[tool(scopes = "tickets:read")]
#[prompt(scopes = "tickets:read")]
async fn summary() -> String {
    String::new()
}

#[resource(uri = "company://tickets", scopes = "tickets:read")]
#[resource(uri = "company://issues", scopes = "tickets:read")]
async fn tickets() -> String {
    String::new()
}

fn main() {}
