//! Errors of requests to PropelAuth.

use http::StatusCode;
use thiserror::Error;

use super::{http_client::HttpError, introspection_response::IntrospectionResponseError, metadata::MetadataError};
use crate::auth::Unavailable;

/// A request to PropelAuth failed. The text is for the log, says what to do, and holds neither a token nor a secret.
#[derive(Debug, Error)]
pub(super) enum RequestError {
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error(
        "the credentials of this server were rejected ({0}): create new ones in the dashboard under MCP -> Request \
         Validation -> Create Credentials, in the environment of this Auth URL, and set \
         PROPELAUTH_INTROSPECTION_CLIENT_ID and PROPELAUTH_INTROSPECTION_CLIENT_SECRET"
    )]
    CredentialsRejected(StatusCode),
    #[error("invalid introspection response: {0}")]
    IntrospectionResponse(#[from] IntrospectionResponseError),
    #[error("invalid metadata: {0}")]
    Metadata(#[from] MetadataError),
}

impl RequestError {
    /// Converts the error and adds the URL of the request.
    pub(super) fn to_unavailable(&self, url: &str) -> Unavailable {
        let unavailable = Unavailable::new(format!("PropelAuth at {url}: {self}"));
        match self {
            Self::Http(HttpError::Overloaded { retry_after: Some(after), .. }) => unavailable.retry_after(*after),
            Self::CredentialsRejected(_) => unavailable.misconfigured(),
            // An immediate retry would return the same response.
            Self::IntrospectionResponse(_)
            | Self::Metadata(_)
            | Self::Http(HttpError::Redirect(_) | HttpError::NotFound | HttpError::TooLarge(_)) => {
                unavailable.permanent()
            }
            Self::Http(_) => unavailable,
        }
    }
}
