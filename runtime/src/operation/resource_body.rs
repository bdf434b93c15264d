//! What the function of a resource returns.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use rmcp::model::{CacheScope, ReadResourceResult, ResourceContents};

/// Contents of a resource, without the URI and the media type that are declared for it.
#[derive(Debug)]
pub struct ResourceBody(Contents);

#[derive(Debug)]
enum Contents {
    Text {
        text: String,
        mime_type: &'static str,
    },
    Blob(Bytes),
    /// Contents that have their URI and media type.
    Complete(Vec<ResourceContents>),
}

impl ResourceBody {
    pub(crate) fn text(text: String, mime_type: &'static str) -> Self {
        Self(Contents::Text { text, mime_type })
    }

    pub(crate) fn blob(bytes: Bytes) -> Self {
        Self(Contents::Blob(bytes))
    }

    /// Creates the body of contents that have their URI and media type.
    pub(crate) fn complete(contents: Vec<ResourceContents>) -> Self {
        Self(Contents::Complete(contents))
    }

    /// Creates the result for the resource with this URI. `mime_type` is what its author declared.
    pub(crate) fn into_result(self, uri: &str, mime_type: Option<&str>) -> ReadResourceResult {
        let contents = match self.0 {
            Contents::Text { text, mime_type: of_type } => {
                vec![ResourceContents::text(text, uri).with_mime_type(mime_type.unwrap_or(of_type))]
            }
            Contents::Blob(bytes) => vec![
                ResourceContents::blob(STANDARD.encode(bytes), uri)
                    .with_mime_type(mime_type.unwrap_or("application/octet-stream")),
            ],
            Contents::Complete(contents) => contents,
        };
        let mut result = ReadResourceResult::new(contents);
        // The contents may depend on the caller, and access may end at any time.
        result.ttl_ms = Some(0);
        result.cache_scope = Some(CacheScope::Private);
        result
    }
}
