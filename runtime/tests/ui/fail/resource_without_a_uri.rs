use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["policies:read"]);

#[resource(scopes = "policies:read")]
async fn missing() -> String {
    String::new()
}

#[resource(url = "company://policies/handbook", scopes = "policies:read")]
async fn misspelled() -> String {
    String::new()
}

#[resource(uri = POLICIES, scopes = "policies:read")]
async fn not_a_literal() -> String {
    String::new()
}

fn main() {}
