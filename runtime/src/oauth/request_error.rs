//! Errors of requests to an authorization server.

use http::StatusCode;
use thiserror::Error;

#[cfg(feature = "jwt")]
use super::jwt::KeySetError;
use super::{http_client::HttpError, introspection_response::IntrospectionResponseError, metadata::MetadataError};
use crate::auth::Unavailable;

/// A request to an authorization server failed. The text is for the log, and holds neither a token nor a secret.
#[derive(Debug, Error)]
pub(crate) enum RequestError {
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("the credentials of this server were rejected ({0})")]
    CredentialsRejected(StatusCode),
    #[error("invalid introspection response: {0}")]
    IntrospectionResponse(#[from] IntrospectionResponseError),
    #[error("invalid metadata: {0}")]
    Metadata(#[from] MetadataError),
    #[cfg(feature = "jwt")]
    #[error("invalid key set: {0}")]
    KeySet(#[from] KeySetError),
}

/// What to do about failed requests to an authorization server, in the words of its settings.
pub(crate) struct RequestAdvice {
    /// Name of the authorization server.
    pub(crate) name: &'static str,
    pub(crate) connect_timeout: &'static str,
    pub(crate) connect: &'static str,
    pub(crate) redirect: &'static str,
    pub(crate) not_found: &'static str,
    pub(crate) credentials: &'static str,
    /// What to do about a response with the status 400, which may reject the credentials, too.
    pub(crate) bad_request: Option<&'static str>,
}

impl RequestError {
    /// Converts the error, and adds the URL of the request and what to do.
    pub(crate) fn to_unavailable(&self, url: &str, advice: &RequestAdvice) -> Unavailable {
        let name = advice.name;
        let unavailable = Unavailable::new(match self.advice(advice) {
            Some(advice) => format!("{name} at {url}: {self}: {advice}"),
            None => format!("{name} at {url}: {self}"),
        });
        match self {
            Self::Http(HttpError::Overloaded { retry_after: Some(after), .. }) => unavailable.retry_after(*after),
            Self::CredentialsRejected(_) => unavailable.misconfigured(),
            #[cfg(feature = "jwt")]
            Self::KeySet(_) => unavailable.permanent(),
            // An immediate retry would return the same response.
            Self::IntrospectionResponse(_)
            | Self::Metadata(_)
            | Self::Http(HttpError::Redirect(_) | HttpError::NotFound | HttpError::TooLarge(_)) => {
                unavailable.permanent()
            }
            Self::Http(_) => unavailable,
        }
    }

    fn advice(&self, advice: &RequestAdvice) -> Option<&'static str> {
        match self {
            Self::Http(error) => advice.about(error),
            Self::CredentialsRejected(_) => Some(advice.credentials),
            _ => None,
        }
    }
}

impl RequestAdvice {
    /// Returns the text of an error, and what to do about it.
    pub(crate) fn describe(&self, error: &HttpError) -> String {
        match self.about(error) {
            Some(advice) => format!("{error}: {advice}"),
            None => error.to_string(),
        }
    }

    fn about(&self, error: &HttpError) -> Option<&'static str> {
        match error {
            HttpError::ConnectTimeout(_) => Some(self.connect_timeout),
            HttpError::Connect(_) => Some(self.connect),
            HttpError::Redirect(_) => Some(self.redirect),
            HttpError::NotFound => Some(self.not_found),
            HttpError::Status(StatusCode::BAD_REQUEST) => self.bad_request,
            _ => None,
        }
    }
}
