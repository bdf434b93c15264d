use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["tickets:read"]);

/// There is no such argument.
#[tool(authenticated, audit("ticket", "ticket_id"))]
async fn misspelt(ticket_id: String) -> String {
    ticket_id
}

/// It has another name in JSON.
#[tool(authenticated, audit = "title")]
async fn renamed(#[serde(rename = "newTitle")] title: String) -> String {
    title
}

/// What the server gives is no argument.
#[tool(authenticated, audit("caller"))]
async fn given(caller: &Caller) -> String {
    format!("{caller:?}")
}

/// Once is enough.
#[tool(authenticated, audit("ticket_id", "ticket_id"))]
async fn twice(ticket_id: String) -> String {
    ticket_id
}

/// A name is a literal.
#[tool(authenticated, audit(ticket_id))]
async fn bare(ticket_id: String) -> String {
    ticket_id
}

fn main() {}
