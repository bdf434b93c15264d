//! HTTP Basic credentials as OAuth clients send them.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::form_urlencoded;

/// A client's id and secret from its `Authorization` header.
pub(super) struct BasicCredentials {
    pub(super) client_id: String,
    pub(super) client_secret: String,
}

impl BasicCredentials {
    /// Reads the header. `None` if it is not there or is no readable Basic header.
    pub(super) fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
        let (scheme, encoded) = value.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
        let (client_id, client_secret) = decoded.split_once(':')?;
        Some(Self { client_id: form_decode(client_id), client_secret: form_decode(client_secret) })
    }
}

/// RFC 6749 section 2.3.1: both are form-encoded before they are joined.
fn form_decode(text: &str) -> String {
    form_urlencoded::parse(text.as_bytes()).next().map_or_else(String::new, |(name, _)| name.into_owned())
}
