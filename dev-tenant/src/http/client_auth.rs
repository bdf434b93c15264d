//! Client authentication at the token and revocation endpoints (OAuth 2.1 section 2.4).

use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::form_urlencoded;

use crate::oauth::{Client, OAuthError, Params};
use crate::tenant::Tenant;

/// A client's id and secret from an `Authorization: Basic` header.
pub(super) struct BasicCredentials {
    pub(super) client_id: String,
    pub(super) client_secret: String,
}

impl BasicCredentials {
    /// Parses the header. Returns `None` if it is missing or malformed.
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

/// Decodes one form-encoded value. Clients form-encode the id and the secret (RFC 6749 section 2.3.1).
fn form_decode(text: &str) -> String {
    form_urlencoded::parse(text.as_bytes()).next().map_or_else(String::new, |(name, _)| name.into_owned())
}

/// Parses a form body. Other content types are rejected.
pub(super) fn form_params(headers: &HeaderMap, body: &[u8]) -> Result<Params, OAuthError> {
    let is_form = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|mime| mime.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded"));
    if is_form {
        Ok(Params::parse(body))
    } else {
        Err(OAuthError::InvalidRequest("the body must be application/x-www-form-urlencoded".to_owned()))
    }
}

/// Finds the client and checks its secret, which is in the header or in the form, but not in both. A public client has no
/// secret.
pub(super) fn authenticate(tenant: &Tenant, headers: &HeaderMap, params: &Params) -> Result<Client, OAuthError> {
    let form_id = params.get("client_id")?;
    let form_secret = params.get("client_secret")?;
    let (id, secret) = if headers.contains_key(AUTHORIZATION) {
        let basic = BasicCredentials::from_headers(headers)
            .ok_or(OAuthError::InvalidClient("the Authorization header must have valid Basic credentials"))?;
        if form_secret.is_some() || form_id.is_some_and(|id| id != basic.client_id) {
            return Err(OAuthError::InvalidRequest(
                "the client authenticates with both the header and the form; use one of them".to_owned(),
            ));
        }
        let secret = Some(basic.client_secret).filter(|secret| !secret.is_empty());
        (basic.client_id, secret)
    } else {
        let id = form_id.ok_or(OAuthError::InvalidClient(
            "the request does not identify the client; send `client_id` or Basic credentials",
        ))?;
        (id.to_owned(), form_secret.map(str::to_owned))
    };
    let client = tenant
        .state()
        .client(&id)
        .cloned()
        .ok_or(OAuthError::InvalidClient("the client is not registered here; register it again"))?;
    match (&client.secret, secret) {
        (None, None) => Ok(client),
        (Some(digest), Some(secret)) if digest.matches(&secret) => Ok(client),
        (Some(_), Some(_)) => Err(OAuthError::InvalidClient("the client secret is wrong")),
        (Some(_), None) => Err(OAuthError::InvalidClient("the client secret is missing")),
        (None, Some(_)) => Err(OAuthError::InvalidClient("the client is public and has no secret; omit the secret")),
    }
}
