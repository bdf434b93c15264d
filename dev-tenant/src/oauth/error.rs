//! Errors of the OAuth endpoints and their JSON responses.

use axum::Json;
use axum::http::header::{CACHE_CONTROL, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::text::shown;

use super::redirect_uri::RedirectUriError;

/// An error with a code of RFC 6749 section 5.2, RFC 7591 section 3.2.2 or RFC 8707 section 2. Its text is the
/// `error_description`.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OAuthError {
    #[error("{0}")]
    InvalidRequest(String),
    #[error("{0}")]
    InvalidClient(&'static str),
    #[error("{0}")]
    InvalidGrant(&'static str),
    #[error("{0}")]
    InvalidScope(String),
    #[error("{0}")]
    InvalidTarget(String),
    #[error("{0}")]
    InvalidClientMetadata(String),
    #[error(transparent)]
    InvalidRedirectUri(#[from] RedirectUriError),
    #[error("the grant type is not supported; use authorization_code or refresh_token")]
    UnsupportedGrantType,
    #[error("the response type is not supported; use code")]
    UnsupportedResponseType,
    #[error("the maximum number of clients is registered and all of them hold tokens; revoke some on the admin page")]
    TooManyClients,
}

impl OAuthError {
    /// Returns the `error` code.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => "invalid_request",
            Self::InvalidClient(_) => "invalid_client",
            Self::InvalidGrant(_) => "invalid_grant",
            Self::InvalidScope(_) => "invalid_scope",
            Self::InvalidTarget(_) => "invalid_target",
            Self::InvalidClientMetadata(_) => "invalid_client_metadata",
            Self::InvalidRedirectUri(_) => "invalid_redirect_uri",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::TooManyClients => "temporarily_unavailable",
        }
    }

    /// Returns the `error_description`, which may quote what a client sent: cut, and in the characters that RFC 6749 section 5.2 allows there.
    pub(crate) fn description(&self) -> String {
        shown(&self.to_string())
            .chars()
            .map(|char| match char {
                '"' => '\'',
                '\\' => '/',
                ' '..='~' => char,
                _ => '?',
            })
            .collect()
    }
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        let status = match self {
            Self::InvalidClient(_) => StatusCode::UNAUTHORIZED,
            Self::TooManyClients => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        };
        let body = json!({
            "error": self.code(),
            "error_description": self.description(),
        });
        let mut response = (status, [(CACHE_CONTROL, "no-store")], Json(body)).into_response();
        if status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Basic realm=\"token\"");
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
