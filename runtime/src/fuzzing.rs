//! What reads bytes of others, for `fuzz/` and for the smoke run on stable. Each function panics when what must hold
//! of any input does not. Not for anybody else: it changes without notice.

use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};

use crate::auth::{BearerToken, CredentialsError};
pub use crate::{
    gate::fuzzing::{challenge, jsonrpc},
    propelauth::fuzzing::{introspection, webhook},
};

/// A target's name, and the target.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 5] = [
    ("bearer", bearer),
    ("challenge", challenge),
    ("jsonrpc", jsonrpc),
    ("introspection", introspection),
    ("webhook", webhook),
];

/// The `Authorization` headers of a request, one a line.
///
/// # Panics
///
/// When something is taken for a token that is none.
pub fn bearer(input: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in input.split(|&byte| byte == b'\n') {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(AUTHORIZATION, value);
        }
    }
    let values: Vec<_> = headers.get_all(AUTHORIZATION).iter().map(HeaderValue::as_bytes).collect();
    match BearerToken::from_headers(&headers) {
        Ok(token) => {
            let text = token.expose();
            assert_eq!(values.len(), 1);
            assert!(values[0][..7].eq_ignore_ascii_case(b"bearer "));
            assert!(values[0].trim_ascii_end().ends_with(text.as_bytes()));
            assert!((1..=8192).contains(&text.len()));
            assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte)));
            assert_eq!(format!("{token:?}"), "BearerToken(..)");
        }
        Err(CredentialsError::Duplicate) => assert!(values.len() > 1),
        Err(CredentialsError::Missing) => {
            assert!(values.first().is_none_or(|value| !value.to_ascii_lowercase().starts_with(b"bearer ")));
        }
        Err(CredentialsError::Malformed | CredentialsError::TooLong) => assert_eq!(values.len(), 1),
    }
}
