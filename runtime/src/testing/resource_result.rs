//! Contents of a resource that was allowed.

use base64::{Engine, engine::general_purpose::STANDARD};
use rmcp::model::{ReadResourceResult, ResourceContents};
use serde_json::Value;

/// Contents of a resource, whose reading was [allowed](super::CallOutcome::allowed).
///
/// ```
/// # use toolgate::{prelude::*, testing::TestServer};
/// # pub static SCOPES: Scopes = Scopes::new(&["policies:read"]);
/// /// The employee handbook.
/// #[resource(uri = "company://policies/handbook", scopes = "policies:read", mime_type = "text/markdown")]
/// async fn handbook() -> &'static str {
///     "# Handbook\n\nBe kind."
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), toolgate::BuildError> {
/// let server = TestServer::new(Server::new("company", &SCOPES))?;
/// let handbook = server.with_scopes(["policies:read"]).resource("company://policies/handbook").await.allowed();
/// assert!(handbook.text().ends_with("Be kind."));
/// assert_eq!(handbook.mime_type(), Some("text/markdown"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ResourceResult(ReadResourceResult);

impl ResourceResult {
    pub(super) fn new(result: ReadResourceResult) -> Self {
        Self(result)
    }

    /// Returns the text of the contents, with a line break between two texts. Without text, it is empty.
    pub fn text(&self) -> String {
        let texts = self.0.contents.iter().filter_map(|contents| match contents {
            ResourceContents::TextResourceContents { text, .. } => Some(text.as_str()),
            _ => None,
        });
        texts.collect::<Vec<_>>().join("\n")
    }

    /// Returns the contents of a resource that returns [`Json`](crate::Json).
    ///
    /// # Panics
    ///
    /// If the text of the contents is not JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        let text = self.text();
        match serde_json::from_str(&text) {
            Ok(value) => value,
            Err(error) => panic!("expected JSON, but the contents are {text:?}: {error}"),
        }
    }

    /// Returns the binary contents, decoded.
    ///
    /// # Panics
    ///
    /// If the contents have no binary part, or more than one.
    #[track_caller]
    pub fn bytes(&self) -> Vec<u8> {
        let mut blobs = self.0.contents.iter().filter_map(|contents| match contents {
            ResourceContents::BlobResourceContents { blob, .. } => Some(blob),
            _ => None,
        });
        let (Some(blob), None) = (blobs.next(), blobs.next()) else {
            panic!("expected binary contents, got {:?}", self.0.contents);
        };
        STANDARD.decode(blob).unwrap_or_else(|error| panic!("expected base64, got {blob:?}: {error}"))
    }

    /// Returns the media type of the first part of the contents.
    pub fn mime_type(&self) -> Option<&str> {
        match self.0.contents.first()? {
            ResourceContents::TextResourceContents { mime_type, .. }
            | ResourceContents::BlobResourceContents { mime_type, .. } => mime_type.as_deref(),
            _ => None,
        }
    }

    /// Returns the result as the client receives it.
    pub fn into_inner(self) -> ReadResourceResult {
        self.0
    }
}
