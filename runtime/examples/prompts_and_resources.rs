//! Prompts with completed arguments, a resource, and a URI template, under the same policies as tools.
//!
//! ```sh
//! cargo run -p toolgate --example prompts_and_resources
//! ```
//!
//! The agent gets the prompt for a ticket, and its argument is completed from the open tickets. The intern reads the
//! handbook. For the intern, tickets are rejected with the scope that they require. A ticket that does not exist gets the
//! same response as a URI that no resource has.
//!
//! ```console
//! $ mcp() { curl -s http://127.0.0.1:8000/mcp -H "Authorization: Bearer $1" \
//! >     -H 'Accept: application/json, text/event-stream' --json '{ "jsonrpc": "2.0", "id": 1, "method": "'"$2"'",
//! >         "params": '"$3"' }' | grep -o -E '"(text|values|message)":("[^"]*"|\[[^]]*])'; }
//! $ mcp intern-token resources/read '{ "uri": "company://handbook" }'
//! "text":"We work from 9 to 5."
//! $ mcp agent-token resources/read '{ "uri": "company://tickets/tkt_0007" }'
//! "text":"The export stops after 10,000 rows."
//! $ mcp agent-token resources/read '{ "uri": "company://tickets/tkt_0009" }'
//! "message":"resource not found"
//! $ mcp intern-token resources/read '{ "uri": "company://tickets/tkt_0007" }'
//! "message":"company://tickets/tkt_0007 needs tickets:read"
//! $ mcp agent-token completion/complete '{
//! >     "ref": { "type": "ref/prompt", "name": "ticket_reply" }, "argument": { "name": "ticket_id", "value": "tkt_" } }'
//! "values":["tkt_0007","tkt_0008"]
//! $ mcp agent-token completion/complete '{
//! >     "ref": { "type": "ref/prompt", "name": "ticket_reply" }, "argument": { "name": "tone", "value": "f" } }'
//! "values":["formal","friendly"]
//! $ mcp agent-token prompts/get '{ "name": "ticket_reply", "arguments": { "ticket_id": "tkt_0008", "tone": "formal" } }'
//! "text":"Write a formal reply to this ticket: The invoice has the old address."
//! ```

use toolgate::{
    auth::{Claims, StaticTokens},
    prelude::*,
};

/// Every scope of this server.
pub static SCOPES: Scopes = Scopes::new(&["tickets:read"]);

/// The tickets. A real server reads them from a database.
struct Tickets(Vec<(&'static str, &'static str)>);

impl Tickets {
    fn text(&self, ticket_id: &str) -> Option<&'static str> {
        self.0.iter().find(|(id, _)| *id == ticket_id).map(|(_, text)| *text)
    }
}

/// How the company works.
#[resource(uri = "company://handbook", authenticated, mime_type = "text/markdown")]
async fn handbook() -> &'static str {
    "We work from 9 to 5."
}

/// The text of a ticket.
#[resource(uri = "company://tickets/{ticket_id}", scopes = "tickets:read")]
async fn ticket(
    #[arg(complete = ticket_ids(value, tickets))] ticket_id: String,
    tickets: &Tickets,
) -> Result<&'static str, ToolError> {
    tickets.text(&ticket_id).ok_or_else(ToolError::not_found)
}

/// Completion: the IDs that begin with what the user has typed.
fn ticket_ids(value: &str, tickets: &Tickets) -> Vec<&'static str> {
    tickets.0.iter().map(|(id, _)| *id).filter(|id| id.starts_with(value)).collect()
}

/// How a reply sounds.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Tone {
    Formal,
    Friendly,
}

/// Draft a reply to a ticket.
#[prompt(scopes = "tickets:read")]
async fn ticket_reply(
    /// The ticket's ID, such as `tkt_0007`.
    #[arg(complete = ticket_ids(value, tickets))]
    ticket_id: String,
    /// How the reply sounds. Defaults to friendly.
    tone: Option<Tone>,
    tickets: &Tickets,
) -> Result<String, ToolError> {
    let text = tickets.text(&ticket_id).ok_or_else(|| ToolError::new(format!("unknown ticket {ticket_id}")))?;
    let tone = if matches!(tone, Some(Tone::Formal)) { "formal" } else { "friendly" };
    Ok(format!("Write a {tone} reply to this ticket: {text}"))
}

fn sample_tokens() -> StaticTokens {
    StaticTokens::new()
        .token("agent-token", Claims::new().subject("alex").scopes(["tickets:read"]))
        .token("intern-token", Claims::new().subject("ida"))
}

#[tokio::main]
async fn main() -> Result<(), toolgate::Error> {
    let _log = toolgate::logging::init()?;
    let tickets = Tickets(vec![
        ("tkt_0007", "The export stops after 10,000 rows."),
        ("tkt_0008", "The invoice has the old address."),
    ]);
    Server::new("Tickets", &SCOPES).auth(sample_tokens()).state(tickets).serve().await
}
