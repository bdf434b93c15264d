//! Result of a prompt that was allowed.

use rmcp::model::{ContentBlock, GetPromptResult, PromptMessage};

/// Result of a request for a prompt that was [allowed](super::CallOutcome::allowed).
///
/// ```
/// # use toolgate::{prelude::*, testing::TestServer};
/// # pub static SCOPES: Scopes = Scopes::new(&["tickets:reply"]);
/// /// Draft a reply to a ticket.
/// #[prompt(scopes = "tickets:reply")]
/// async fn reply(ticket_id: u32) -> String {
///     format!("Write a reply to ticket {ticket_id}.")
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), toolgate::BuildError> {
/// let server = TestServer::new(Server::new("tickets", &SCOPES))?;
/// let prompt = server.with_scopes(["tickets:reply"]).prompt("reply", json!({ "ticket_id": "7" })).await.allowed();
/// assert_eq!(prompt.text(), "Write a reply to ticket 7.");
/// assert_eq!(prompt.messages().len(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct PromptResult(GetPromptResult);

impl PromptResult {
    pub(super) fn new(result: GetPromptResult) -> Self {
        Self(result)
    }

    /// Returns the messages.
    pub fn messages(&self) -> &[PromptMessage] {
        &self.0.messages
    }

    /// Returns the text of the messages, with a line break between two texts. Without text, it is empty.
    pub fn text(&self) -> String {
        let texts = self.0.messages.iter().filter_map(|message| ContentBlock::as_text(&message.content));
        texts.map(|content| content.text.as_str()).collect::<Vec<_>>().join("\n")
    }

    /// Returns the result as the client receives it.
    pub fn into_inner(self) -> GetPromptResult {
        self.0
    }
}
