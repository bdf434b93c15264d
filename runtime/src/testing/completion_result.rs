//! Result of a completion that was allowed.

use rmcp::model::CompletionInfo;
use serde_json::Value;

/// Values of a completion that was [allowed](super::CallOutcome::allowed).
///
/// ```
/// # use toolgate::{prelude::*, testing::TestServer};
/// # pub static SCOPES: Scopes = Scopes::new(&["reviews:write"]);
/// /// Review the quarter of a team.
/// #[prompt(scopes = "reviews:write")]
/// async fn quarterly_review(#[arg(complete = team_names(value))] team: String) -> String {
///     format!("Write a review of the quarter of {team}.")
/// }
///
/// async fn team_names(value: &str) -> Result<Vec<String>, ToolError> {
///     Ok(["Payments", "Platform", "Sales"].into_iter().filter(|team| team.starts_with(value)).map(str::to_owned).collect())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), toolgate::BuildError> {
/// let server = TestServer::new(Server::new("company", &SCOPES))?;
/// let writer = server.with_scopes(["reviews:write"]);
/// let teams = writer.complete_prompt("quarterly_review", "team", "P").await.allowed();
/// assert_eq!(teams.values(), ["Payments", "Platform"]);
/// assert!(!teams.has_more());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct CompletionResult(CompletionInfo);

impl CompletionResult {
    /// Reads a result of `completion/complete`.
    pub(super) fn read(result: &Value) -> Option<Self> {
        serde_json::from_value(result.get("completion")?.clone()).ok().map(Self)
    }

    /// Returns the values in the order of the response, at most 100.
    pub fn values(&self) -> &[String] {
        &self.0.values
    }

    /// Returns whether there are more values than the response has.
    pub fn has_more(&self) -> bool {
        self.0.has_more == Some(true)
    }

    /// Returns the result as the client receives it.
    pub fn into_inner(self) -> CompletionInfo {
        self.0
    }
}
