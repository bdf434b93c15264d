//! The bearer token of a request (RFC 6750, section 2.1).

use std::fmt;

use http::{HeaderMap, header::AUTHORIZATION};
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

/// Longest token that is looked at, in bytes. PropelAuth's are far shorter; a JWT with many claims still fits.
const MAX_TOKEN_BYTES: usize = 8192;

/// A bearer token that has the form of one: `b64token` of RFC 6750, section 2.1.
///
/// It is wiped from memory when it is dropped, and its `Debug` shows nothing of it.
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

/// Why a request has no usable bearer token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CredentialsError {
    /// No `Authorization` header, or one of another scheme: the client has not tried yet (RFC 6750, section 3.1).
    #[error("this server needs a bearer token: send `Authorization: Bearer <token>`")]
    Missing,
    /// More than one `Authorization` header.
    #[error("send one `Authorization` header, not several")]
    Doubled,
    /// `Bearer` with nothing or something illegal after it.
    #[error("the bearer token is malformed")]
    Malformed,
    /// More than 8192 bytes.
    #[error("the bearer token is too long")]
    TooLong,
}

impl BearerToken {
    /// Checks the form of a token.
    ///
    /// # Errors
    ///
    /// [`CredentialsError::Malformed`] or [`CredentialsError::TooLong`].
    pub fn parse(token: &str) -> Result<Self, CredentialsError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(CredentialsError::TooLong);
        }
        let body = token.trim_end_matches('=');
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
        if body.is_empty() || !body.bytes().all(legal) {
            return Err(CredentialsError::Malformed);
        }
        Ok(Self(SecretString::from(token)))
    }

    /// The token of a request. The scheme's case does not matter (RFC 9110, section 11.1); a token in the query string
    /// or in a form is never read.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Result<Self, CredentialsError> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let value = values.next().ok_or(CredentialsError::Missing)?;
        if values.next().is_some() {
            return Err(CredentialsError::Doubled);
        }
        let value = value.as_bytes();
        let (scheme, credentials) = match value.iter().position(|&byte| byte == b' ') {
            Some(space) => (&value[..space], value[space..].trim_ascii()),
            None => (value, &[][..]),
        };
        if !scheme.eq_ignore_ascii_case(b"bearer") {
            return Err(CredentialsError::Missing);
        }
        Self::parse(str::from_utf8(credentials).map_err(|_| CredentialsError::Malformed)?)
    }

    /// The token itself, to be sent to the authorization server and nowhere else.
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

    fn read(values: &[&str]) -> Result<String, CredentialsError> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        BearerToken::from_headers(&headers).map(|token| token.expose().to_owned())
    }

    #[test]
    fn the_scheme_is_case_insensitive() {
        for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
            assert_eq!(read(&[&format!("{scheme} abc")]).as_deref(), Ok("abc"));
        }
    }

    #[test]
    fn no_credentials_are_not_bad_credentials() {
        assert_eq!(read(&[]), Err(CredentialsError::Missing));
        assert_eq!(read(&["Basic YTpi"]), Err(CredentialsError::Missing));
        assert_eq!(read(&["Bearerabc"]), Err(CredentialsError::Missing));
    }

    #[test]
    fn malformed_credentials_are_told_apart() {
        for value in
            ["Bearer", "Bearer ", "Bearer a b", "Bearer a,b", "Bearer =", "Bearer a=b", "Bearer \"a\"", "Bearer a\tb"]
        {
            assert_eq!(read(&[value]), Err(CredentialsError::Malformed), "{value}");
        }
        assert_eq!(read(&["Bearer a", "Bearer a"]), Err(CredentialsError::Doubled));
        assert_eq!(read(&[&format!("Bearer {}", "a".repeat(8193))]), Err(CredentialsError::TooLong));
    }

    #[test]
    fn every_character_of_b64token_is_read() {
        assert!(read(&["Bearer azAZ09-._~+/=="]).is_ok());
    }

    #[test]
    fn debug_shows_nothing() {
        let token = BearerToken::parse("very-secret").unwrap();
        assert!(!format!("{token:?} {token:#?}").contains("secret"));
    }
}
