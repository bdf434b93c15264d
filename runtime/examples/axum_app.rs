//! An axum application with two MCP servers, a REST API behind the same gate, and its own health endpoint.
//!
//! toolgate serves the application, so that its limits on connections and its graceful shutdown hold for all routes.
//!
//! ```sh
//! cargo run -p toolgate --example axum_app
//! ```
//!
//! ```console
//! $ curl -s http://127.0.0.1:8000/healthz
//! 0 tickets
//! $ curl -s http://127.0.0.1:8000/mcp -H 'Authorization: Bearer sample-token' \
//! >     -H 'Accept: application/json, text/event-stream' --json '{
//! >         "jsonrpc": "2.0", "id": 1, "method": "tools/call",
//! >         "params": { "name": "ticket_open", "arguments": { "title": "The printer is out of paper" } }
//! >     }'
//! {"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"ticket 1 is open"}],"isError":false}}
//! $ curl -s http://127.0.0.1:8000/api/tickets -H 'Authorization: Bearer sample-token'
//! sam sees: The printer is out of paper
//! $ curl -s http://127.0.0.1:8000/api/tickets -o /dev/null -w '%{http_code}\n'
//! 401
//! ```
//!
//! A token of one server is not valid on the other:
//!
//! ```console
//! $ status() { curl -s "http://127.0.0.1:8000$1" -X POST -H "Authorization: Bearer $2" -o /dev/null -w '%{http_code}\n'; }
//! $ status /people/mcp sample-token
//! 401
//! ```

use std::sync::Arc;

use axum::{Router, extract::State, routing::get};
use tokio::sync::RwLock;
use toolgate::{
    auth::{Claims, StaticTokens},
    prelude::*,
};

/// Every scope of the server for tickets, and of the REST API.
pub static SCOPES: Scopes = Scopes::new(&["tickets:read", "tickets:write"]);

mod people {
    use toolgate::prelude::*;

    pub(crate) static SCOPES: Scopes = Scopes::new(&["people:read"]);

    /// Return the team of a person.
    #[tool(scopes = "people:read", scopes_in = crate::people::SCOPES, read_only)]
    async fn team(person: String) -> String {
        format!("{person} is in the sample team")
    }
}

/// Titles of all tickets. Clones share them.
#[derive(Clone, Default)]
struct Tickets(Arc<RwLock<Vec<String>>>);

/// Open a ticket.
#[tool(scopes = "tickets:write")]
async fn ticket_open(title: String, tickets: &Tickets) -> String {
    let mut titles = tickets.0.write().await;
    titles.push(title);
    format!("ticket {} is open", titles.len())
}

/// Handles `GET /api/tickets`. Without the gate, a handler that takes a `Caller` does not run.
async fn list_tickets(caller: Caller, State(tickets): State<Tickets>) -> String {
    format!("{} sees: {}\n", caller.user_id().unwrap_or("somebody"), tickets.0.read().await.join(", "))
}

/// Handles `GET /healthz`.
async fn healthz(State(tickets): State<Tickets>) -> String {
    format!("{} tickets\n", tickets.0.read().await.len())
}

#[tokio::main]
async fn main() -> Result<(), toolgate::Error> {
    let _log = toolgate::logging::init()?;
    let tickets = Tickets::default();
    let sam = Claims::new().subject("sam").scopes(["tickets:read", "tickets:write"]);
    let mcp = Server::new("Tickets", &SCOPES)
        .auth(StaticTokens::new().token("sample-token", sam))
        .state(tickets.clone())
        .build()?;
    let harriet = Claims::new().subject("harriet").scopes(["people:read"]);
    let people = Server::new("People", &people::SCOPES)
        .auth(StaticTokens::new().token("people-token", harriet))
        .bind(mcp.bind_address())
        .http(|http| "/people/mcp".clone_into(&mut http.endpoint_path))
        .ignore_environment()
        .build()?;

    let app = Router::new()
        .route("/api/tickets", get(list_tickets))
        .route_layer(mcp.gate_layer(scope!("tickets:read"))?)
        .route("/healthz", get(healthz))
        .with_state(tickets)
        .merge(mcp.mcp_router())
        .merge(mcp.metadata_router())
        .merge(people.mcp_router())
        .merge(people.metadata_router());
    mcp.with_app(app).with_server(people).serve().await
}
