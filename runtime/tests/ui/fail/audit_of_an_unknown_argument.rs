use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["tickets:read"]);

#[tool(authenticated, audit("ticket", "ticket_id"))]
async fn misspelled(ticket_id: String) -> String {
    ticket_id
}

/// The name in JSON is another one.
#[tool(authenticated, audit = "title")]
async fn renamed(#[serde(rename = "newTitle")] title: String) -> String {
    title
}

/// A reference is provided by the server and is not an argument.
#[tool(authenticated, audit("caller"))]
async fn server_provided(caller: &Caller) -> String {
    format!("{caller:?}")
}

#[tool(authenticated, audit("ticket_id", "ticket_id"))]
async fn duplicate(ticket_id: String) -> String {
    ticket_id
}

#[tool(authenticated, audit(ticket_id))]
async fn not_a_literal(ticket_id: String) -> String {
    ticket_id
}

fn main() {}
