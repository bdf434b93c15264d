//! Why PropelAuth could not be asked, with what to do about it.

use http::StatusCode;
use thiserror::Error;

use super::{http_client::HttpError, introspection_response::Unreadable, metadata::BadDocument};
use crate::auth::Unavailable;

/// A question that led to nothing. The texts are for the log; none holds a token or a secret.
#[derive(Debug, Error)]
pub(super) enum RequestError {
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error(
        "it refused this server's own credentials ({0}): make new ones in the dashboard under MCP -> Request \
         Validation -> Create Credentials, in the environment of this Auth URL, and set \
         PROPELAUTH_INTROSPECTION_CLIENT_ID and PROPELAUTH_INTROSPECTION_CLIENT_SECRET"
    )]
    CredentialsRefused(StatusCode),
    #[error("the answer cannot be read: {0}")]
    IntrospectionResponse(#[from] Unreadable),
    #[error("the metadata cannot be used: {0}")]
    Document(#[from] BadDocument),
}

impl RequestError {
    /// The same for somebody who does not know which address was asked.
    pub(super) fn at(&self, address: &str) -> Unavailable {
        let unavailable = Unavailable::new(format!("PropelAuth at {address}: {self}"));
        match self {
            Self::Http(HttpError::Overloaded { retry_after: Some(after), .. }) => unavailable.retry_after(*after),
            Self::CredentialsRefused(_) => unavailable.misconfigured(),
            // What was answered was answered: only a connection that failed, or a server that did, may do better at once.
            Self::IntrospectionResponse(_)
            | Self::Document(_)
            | Self::Http(HttpError::Redirect(_) | HttpError::NotFound | HttpError::TooLarge(_)) => {
                unavailable.permanent()
            }
            Self::Http(_) => unavailable,
        }
    }
}
