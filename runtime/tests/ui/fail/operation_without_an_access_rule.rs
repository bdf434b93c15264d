use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["policies:read"]);

#[prompt]
async fn review() -> String {
    String::new()
}

#[resource(uri = "company://policies/handbook")]
async fn handbook() -> String {
    String::new()
}

fn main() {}
