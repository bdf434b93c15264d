//! The errors of the token, registration and revocation endpoints.

use super::redirect_uri::RedirectUriError;

/// An error with its code from RFC 6749 section 5.2, RFC 7591 section 3.2.2 or RFC 8707 section 2. Its text is
/// the `error_description`.
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
    #[error("too many clients hold tokens here; revoke some on the admin page")]
    TooManyClients,
}

impl OAuthError {
    /// The `error` code.
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

    /// The `error_description`, in the characters that RFC 6749 allows there.
    pub(crate) fn description(&self) -> String {
        self.to_string()
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
