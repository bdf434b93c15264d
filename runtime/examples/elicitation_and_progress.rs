//! Questions to the user, progress, log messages and cancellation during a call.
//!
//! ```sh
//! cargo run -p toolgate --example elicitation_and_progress
//! ```
//!
//! A client that supports elicitation shows the form to its user and calls the tool again with the response and the signed
//! state, which proves that the server asked and holds the earlier answers. The body runs again from its start, and asks
//! for a confirmation in the same way.
//!
//! ```console
//! $ call() { curl -sN http://127.0.0.1:8000/mcp -H 'Authorization: Bearer sample-token' \
//! >     -H 'Accept: application/json, text/event-stream' -H 'MCP-Protocol-Version: 2026-07-28' \
//! >     -H 'Mcp-Method: tools/call' -H "Mcp-Name: $1" --json '{
//! >         "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "'"$1"'", '"$2"', "_meta": {
//! >             "io.modelcontextprotocol/protocolVersion": "2026-07-28",
//! >             "io.modelcontextprotocol/clientInfo": { "name": "curl", "version": "8" },
//! >             "io.modelcontextprotocol/clientCapabilities": { "elicitation": {} },
//! >             "io.modelcontextprotocol/logLevel": "info", "progressToken": "export"
//! >         } }
//! >     }'; }
//! $ TICKET='"arguments": { "title": "No paper" }'
//! $ call ticket_open "$TICKET" | grep -o -e '"resultType":"[a-z_]*"' -e '"message":"[^"]*"'
//! "resultType":"input_required"
//! "message":"Enter the details of the ticket."
//! $ state() { grep -o '"requestState":"[^"]*"'; }
//! $ key() { grep -o 'toolgate\.ask\.[A-Za-z0-9_.-]*'; }
//! $ ASKED=$(call ticket_open "$TICKET")
//! $ ASKED=$(call ticket_open "$TICKET, $(echo "$ASKED" | state)"', "inputResponses": {
//! >     "'"$(echo "$ASKED" | key)"'": { "action": "accept", "content": { "urgent": true } } }')
//! $ call ticket_open "$TICKET, $(echo "$ASKED" | state)"', "inputResponses": {
//! >     "'"$(echo "$ASKED" | key)"'": { "action": "accept", "content": {} } }'
//! {"jsonrpc":"2.0","id":1,"result":{"resultType":"complete","content":[{"type":"text","text":"opened: No paper (urgent: true)"}],"isError":false}}
//! ```
//!
//! Progress and log messages are events of the response stream. Closing the stream cancels the call; the server then
//! logs `the export was cancelled`.
//!
//! ```console
//! $ call ticket_export '"arguments": { "tickets": 2 }' | grep data:
//! data: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1.0,"progressToken":"export","total":2.0}}
//! data: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":2.0,"progressToken":"export","total":2.0}}
//! data: {"jsonrpc":"2.0","method":"notifications/message","params":{"data":"the export is complete","level":"info"}}
//! data: {"jsonrpc":"2.0","id":1,"result":{"resultType":"complete","content":[{"type":"text","text":"exported: 2 tickets"}],"isError":false}}
//! $ call ticket_export '"arguments": { "tickets": 1000000 }' | grep -m 1 -o '"progress":1.0'
//! "progress":1.0
//! ```

use std::{thread, time::Duration};

use tokio::{sync::mpsc, task};
use toolgate::{
    LogLevel,
    auth::{Claims, StaticTokens},
    input::{Confirm, Form},
    prelude::*,
};

/// Every scope of this server.
pub static SCOPES: Scopes = Scopes::new(&["tickets:read", "tickets:write"]);

/// Details of the ticket.
#[derive(Deserialize, JsonSchema, Form)]
struct Details {
    /// Whether the ticket is urgent.
    urgent: bool,
}

/// Open a ticket. The user enters its details and confirms them.
#[tool(scopes = "tickets:write")]
async fn ticket_open(title: String, context: &Context) -> Result<String, ToolError> {
    let Details { urgent } = context.ask("Enter the details of the ticket.").await?;
    let Confirm {} = context.ask(format!("Open this ticket: {title} (urgent: {urgent})?")).await?;
    Ok(format!("opened: {title} (urgent: {urgent})"))
}

/// Export tickets.
#[tool(scopes = "tickets:read", read_only)]
async fn ticket_export(tickets: u32, context: &Context) -> Result<String, ToolError> {
    let (sender, mut exported) = mpsc::channel(1);
    let export = task::spawn_blocking(move || export(tickets, &sender));
    // If the client cancels the call, this function is dropped at an `.await`, which closes the channel.
    while let Some(ticket) = exported.recv().await {
        context.progress(f64::from(ticket), Some(f64::from(tickets)), None).await;
    }
    export.await?;
    context.log(LogLevel::Info, "the export is complete").await;
    Ok(format!("exported: {tickets} tickets"))
}

/// Exports tickets on a thread of its own, until the channel is closed.
fn export(tickets: u32, exported: &mpsc::Sender<u32>) {
    for ticket in 1..=tickets {
        thread::sleep(Duration::from_millis(10)); // writes the ticket
        if exported.blocking_send(ticket).is_err() {
            tracing::info!(ticket, "the export was cancelled");
            return;
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), toolgate::Error> {
    let _log = toolgate::logging::init()?;
    let claims = Claims::new().subject("sam").scopes(["tickets:read", "tickets:write"]);
    Server::new("Tickets", &SCOPES).auth(StaticTokens::new().token("sample-token", claims)).serve().await
}
