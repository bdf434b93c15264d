#![allow(unused_variables)]

use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["tickets:read"]);

struct Tickets;

#[prompt(authenticated)]
fn not_async() -> String {
    String::new()
}

#[prompt(authenticated)]
async fn generic<T: Send>(value: T) -> String {
    String::new()
}

#[prompt(authenticated, name = "support reply")]
async fn invalid_name() -> String {
    String::new()
}

#[prompt(authenticated)]
async fn opaque() -> impl Send {
    String::new()
}

#[prompt(authenticated)]
async fn text_error() -> Result<String, &str> {
    Err("no ticket")
}

#[prompt(authenticated)]
async fn shared_state(tickets: std::sync::Arc<Tickets>) -> String {
    String::new()
}

#[prompt(authenticated)]
async fn flattened(#[serde(flatten)] arguments: JsonObject) -> String {
    String::new()
}

#[prompt(authenticated, audit("ticket"))]
async fn audited(ticket_id: String) -> String {
    String::new()
}

#[prompt(authenticated)]
struct Reply;

impl Tickets {
    #[resource(uri = "company://tickets", authenticated)]
    async fn method(&self) -> String {
        String::new()
    }
}

fn main() {}
