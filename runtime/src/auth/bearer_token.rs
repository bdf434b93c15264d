//! Bearer token of a request (RFC 6750, section 2.1).

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, header::AUTHORIZATION};
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

/// Bearer token with valid syntax: a `b64token` (RFC 6750, section 2.1) of at most
/// [`MAX_BYTES`](Self::MAX_BYTES). A server accepts
/// tokens of at most [`http.max_token_bytes`](crate::config::HttpConfig::max_token_bytes).
///
/// The token is erased from memory when it is dropped. `Debug` does not show it.
///
/// ```
/// use toolgate::auth::BearerToken;
///
/// let token = BearerToken::parse("c2VjcmV0")?;
/// assert_eq!(format!("{token:?}"), "BearerToken(..)");
/// assert!(BearerToken::parse("not a token").is_err());
/// # Ok::<(), toolgate::auth::CredentialsError>(())
/// ```
#[derive(Clone)]
pub struct BearerToken(SecretString);

/// Reason why a request has no valid bearer token.
///
/// ```
/// use toolgate::auth::{BearerToken, CredentialsError};
///
/// assert_eq!(BearerToken::parse("a b").unwrap_err(), CredentialsError::Malformed);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// The request has no `Authorization` header, one of another scheme, or one without a token. The response is 401 with
    /// a challenge that has no `error` (RFC 6750, section 3.1).
    #[error("this server needs a bearer token: send `Authorization: Bearer <token>`")]
    Missing,
    /// The request has more than one `Authorization` header.
    #[error("send one `Authorization` header, not several")]
    Duplicate,
    /// The text after `Bearer` is not a `b64token`.
    #[error("the bearer token is malformed")]
    Malformed,
    /// The token is longer than [`http.max_token_bytes`](crate::config::HttpConfig::max_token_bytes).
    #[error("the bearer token is too long")]
    TooLong,
}

/// Whether a byte may occur in a `b64token` before its padding, by the byte.
const IS_LEGAL: [bool; 256] = {
    let legal = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/";
    let mut is_legal = [false; 256];
    let mut i = 0;
    while i < legal.len() {
        is_legal[legal[i] as usize] = true;
        i += 1;
    }
    is_legal
};

impl BearerToken {
    /// Maximum length of a token, in bytes.
    pub const MAX_BYTES: usize = 64 * 1024;

    /// Checks the syntax of a token.
    ///
    /// # Errors
    ///
    /// Returns [`CredentialsError::TooLong`] for more than [`MAX_BYTES`](Self::MAX_BYTES), and
    /// [`CredentialsError::Malformed`] for text that is not a `b64token` (RFC 6750, section 2.1).
    pub fn parse(token: &str) -> Result<Self, CredentialsError> {
        if token.len() > Self::MAX_BYTES {
            return Err(CredentialsError::TooLong);
        }
        let body = token.trim_end_matches('=');
        if body.is_empty() || !body.bytes().all(|byte| IS_LEGAL[usize::from(byte)]) {
            return Err(CredentialsError::Malformed);
        }
        Ok(Self(SecretString::from(token)))
    }

    /// Returns a token that no authorization server has issued: 32 random bytes after `purpose`, which consists of
    /// characters of a token.
    pub(crate) fn random(purpose: &'static str) -> Self {
        Self(format!("{purpose}-{}", URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())).into())
    }

    /// Extracts the token from the `Authorization` header. The scheme is case-insensitive (RFC 9110, section 11.1). A
    /// token in the query string or in a form is ignored.
    pub(crate) fn from_headers(headers: &HeaderMap, max_bytes: usize) -> Result<Self, CredentialsError> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let value = values.next().ok_or(CredentialsError::Missing)?;
        if values.next().is_some() {
            return Err(CredentialsError::Duplicate);
        }
        let value = value.as_bytes();
        let (scheme, credentials) = match value.iter().position(|&byte| byte == b' ') {
            Some(space) => (&value[..space], value[space..].trim_ascii()),
            None => (value, &[][..]),
        };
        if !scheme.eq_ignore_ascii_case(b"bearer") || credentials.is_empty() {
            return Err(CredentialsError::Missing);
        }
        if credentials.len() > max_bytes {
            return Err(CredentialsError::TooLong);
        }
        Self::parse(str::from_utf8(credentials).map_err(|_| CredentialsError::Malformed)?)
    }

    /// Returns the token, so that a validator can send it to the authorization server. Do not log or store it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken(..)")
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn parse(values: &[&str]) -> Result<String, CredentialsError> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        BearerToken::from_headers(&headers, 16).map(|token| token.expose().to_owned())
    }

    #[test]
    fn the_scheme_is_case_insensitive() {
        for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
            assert_eq!(parse(&[&format!("{scheme} abc")]).as_deref(), Ok("abc"));
        }
    }

    #[test]
    fn credentials_without_the_bearer_scheme_are_missing_and_not_malformed() {
        assert_eq!(parse(&[]), Err(CredentialsError::Missing));
        assert_eq!(parse(&["Basic YTpi"]), Err(CredentialsError::Missing));
        assert_eq!(parse(&["Bearerabc"]), Err(CredentialsError::Missing));
    }

    #[test]
    fn an_empty_token_is_missing() {
        for value in ["Bearer", "Bearer ", "bearer   "] {
            assert_eq!(parse(&[value]), Err(CredentialsError::Missing), "{value:?}");
        }
    }

    #[test]
    fn malformed_duplicate_and_too_long_credentials_have_errors_of_their_own() {
        for value in ["Bearer a b", "Bearer a,b", "Bearer =", "Bearer a=b", "Bearer \"a\"", "Bearer a\tb"] {
            assert_eq!(parse(&[value]), Err(CredentialsError::Malformed), "{value}");
        }
        assert_eq!(parse(&["Bearer a", "Bearer a"]), Err(CredentialsError::Duplicate));
        assert_eq!(parse(&[&format!("Bearer {}", "a".repeat(17))]), Err(CredentialsError::TooLong));
    }

    #[test]
    fn every_character_of_b64token_is_accepted() {
        assert!(parse(&["Bearer azAZ09-._~+/=="]).is_ok());
    }

    #[test]
    fn debug_does_not_show_the_token() {
        let token = BearerToken::parse("very-secret").unwrap();
        assert!(!format!("{token:?} {token:#?}").contains("secret"));
    }
}
