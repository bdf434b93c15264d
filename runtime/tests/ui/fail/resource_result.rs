use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["policies:read"]);

struct Policy {}

#[resource(uri = "company://policies/1", scopes = "policies:read")]
async fn a_struct() -> Policy {
    Policy {}
}

#[resource(uri = "company://policies/2", scopes = "policies:read")]
async fn nothing() {}

fn main() {}
