//! An MCP server as part of an axum application that has other routes.
//!
//! The tools and the other routes share one state. toolgate authorizes requests to its own routes only, so the
//! application authorizes requests to its own.
//!
//! ```sh
//! cargo run -p toolgate --example axum_app
//! ```
//!
//! ```console
//! $ curl -s http://127.0.0.1:8000/status
//! 0 tickets
//! $ curl -s http://127.0.0.1:8000/mcp -H 'Authorization: Bearer sample-token' \
//! >     -H 'Accept: application/json, text/event-stream' --json '{
//! >         "jsonrpc": "2.0", "id": 1, "method": "tools/call",
//! >         "params": { "name": "ticket_open", "arguments": { "title": "The printer is out of paper" } }
//! >     }'
//! {"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"ticket 1 is open"}],"isError":false}}
//! $ curl -s http://127.0.0.1:8000/status
//! 1 tickets
//! ```

use std::sync::Arc;

use axum::{Router, extract::State, routing::get};
use tokio::{net::TcpListener, sync::RwLock};
use toolgate::{
    auth::{Claims, StaticTokens},
    prelude::*,
    shutdown_signal,
};

/// Every scope of this server.
pub static SCOPES: Scopes = Scopes::new(&["tickets:write"]);

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

/// Handles `GET /status`.
async fn status(State(tickets): State<Tickets>) -> String {
    format!("{} tickets\n", tickets.0.read().await.len())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let _log = toolgate::logging::init()?;
    let tickets = Tickets::default();
    let mcp = Server::new("Tickets", &SCOPES)
        .auth(StaticTokens::new().token("sample-token", Claims::new().subject("sam").scopes(["tickets:write"])))
        .state(tickets.clone())
        .build()?;

    let listener = TcpListener::bind(mcp.bind_address()).await?;
    tracing::info!(endpoint = mcp.endpoint(), "serving");
    let notifications = mcp.notifications();
    let shutdown = async move {
        shutdown_signal().await;
        // Their streams would stay open until the clients close them.
        notifications.end_subscriptions();
    };
    let app = Router::new().route("/status", get(status)).with_state(tickets).merge(mcp.into_router());
    axum::serve(listener, app).with_graceful_shutdown(shutdown).await?;
    Ok(())
}
