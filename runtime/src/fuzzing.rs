//! Fuzz targets, for `fuzz/` and for the smoke test on stable. They change without notice.
//!
//! Each target parses untrusted bytes and panics if a property is violated that must hold for every input.

use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};

#[cfg(feature = "jwt")]
pub use crate::oauth::fuzzing::jwt;
use crate::{
    audit::{is_loggable, sanitize},
    auth::{BearerToken, CredentialsError},
};
pub use crate::{
    gate::fuzzing::{challenge, json_bounds, json_memory, jsonrpc},
    propelauth::fuzzing::{introspection, webhook},
    resource::fuzzing::resource_uri,
};

/// Name and function of a target.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[Target] = &[
    ("bearer", bearer),
    ("challenge", challenge),
    ("json_bounds", json_bounds),
    ("jsonrpc", jsonrpc),
    ("log_text", log_text),
    ("introspection", introspection),
    #[cfg(feature = "jwt")]
    ("jwt", jwt),
    ("resource_uri", resource_uri),
    ("webhook", webhook),
];

/// Reads the bearer token of a request. Each line is an `Authorization` header.
///
/// # Panics
///
/// An invalid token is accepted, or an error does not match the headers.
pub fn bearer(input: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in input.split(|&byte| byte == b'\n') {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(AUTHORIZATION, value);
        }
    }
    let values: Vec<_> = headers.get_all(AUTHORIZATION).iter().map(HeaderValue::as_bytes).collect();
    match BearerToken::from_headers(&headers, BearerToken::MAX_BYTES) {
        Ok(token) => {
            let text = token.expose();
            assert_eq!(values.len(), 1);
            assert!(values[0][..7].eq_ignore_ascii_case(b"bearer "));
            assert!(values[0].trim_ascii_end().ends_with(text.as_bytes()));
            assert!((1..=BearerToken::MAX_BYTES).contains(&text.len()));
            assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte)));
            assert_eq!(format!("{token:?}"), "BearerToken(..)");
        }
        Err(CredentialsError::Duplicate) => assert!(values.len() > 1),
        Err(CredentialsError::Missing) => {
            assert!(values.first().is_none_or(|value| {
                let rest = value.to_ascii_lowercase();
                rest.strip_prefix(b"bearer ").is_none_or(|token| token.trim_ascii().is_empty())
            }));
        }
        Err(CredentialsError::Malformed | CredentialsError::TooLong) => assert_eq!(values.len(), 1),
    }
}

/// Prepares text of a caller for the audit log, and for a field of the log.
///
/// # Panics
///
/// The result is too long, or has a control or an invisible character.
pub fn log_text(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let sanitized = sanitize(&text);
    assert!(is_loggable(&sanitized));
    assert_eq!(sanitize(&sanitized), sanitized);
    assert_eq!(sanitized == text, is_loggable(&text));
    #[cfg(feature = "logging")]
    {
        let escaped = crate::logging::one_line::escaped(&text, 256);
        assert!(is_loggable(&escaped), "{escaped:?}");
        let whole = crate::logging::one_line::escaped(&text, usize::MAX);
        if whole.len() + '…'.len_utf8() <= 256 {
            assert_eq!(escaped, whole);
        } else {
            assert!(escaped.ends_with('…'), "{escaped:?}");
        }
        assert!(whole.chars().all(|c| is_loggable(c.encode_utf8(&mut [0; 4]))));
        assert!(whole.starts_with(escaped.trim_end_matches('…')));
    }
}
