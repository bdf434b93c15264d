//! Result of a call that was allowed.

use rmcp::model::{CallToolResult, ContentBlock};
use serde_json::Value;

/// Result of a call that was [allowed](super::CallOutcome::allowed).
///
/// ```
/// # use toolgate::{JsonObject, prelude::*, testing::TestServer};
/// # pub static SCOPES: Scopes = Scopes::new(&["files:read"]);
/// # /// Return the size of a file.
/// # #[tool(scopes = "files:read", read_only)]
/// # async fn file_size(path: String) -> Json<JsonObject> {
/// #     Json(JsonObject::from_iter([("bytes".to_owned(), path.len().into())]))
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), toolgate::BuildError> {
/// let server = TestServer::new(Server::new("files", &SCOPES))?;
/// let call = server.with_scopes(["files:read"]).call("file_size", json!({ "path": "a.txt" })).await;
/// assert_eq!(call.allowed().structured(), json!({ "bytes": 5 }));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ToolResult(CallToolResult);

impl ToolResult {
    pub(super) fn new(result: CallToolResult) -> Self {
        Self(result)
    }

    /// Returns the structured content, which a tool that returns [`Json`](crate::Json) has.
    ///
    /// # Panics
    ///
    /// If the result has no structured content.
    #[track_caller]
    pub fn structured(&self) -> Value {
        let Some(content) = &self.0.structured_content else {
            panic!("expected structured content, but the result has only the text {:?}", self.text());
        };
        content.clone()
    }

    /// Returns the text of the content, with a line break between two texts. Without text, it is empty.
    pub fn text(&self) -> String {
        let texts = self.0.content.iter().filter_map(ContentBlock::as_text);
        texts.map(|content| content.text.as_str()).collect::<Vec<_>>().join("\n")
    }

    /// Returns the result as the client receives it.
    pub fn into_inner(self) -> CallToolResult {
        self.0
    }
}
