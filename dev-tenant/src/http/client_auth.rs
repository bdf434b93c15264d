//! Client authentication at the token and revocation endpoints (OAuth 2.1 section 2.4).

use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};

use crate::oauth::{Client, OAuthError, Params};
use crate::tenant::Tenant;

use super::basic::BasicCredentials;

/// Reads a form, which is the only body that these endpoints take.
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

/// Finds the client and checks its secret. A confidential client may send it in either way, but in one only; a
/// public client has none.
pub(super) fn authenticate(tenant: &Tenant, headers: &HeaderMap, params: &Params) -> Result<Client, OAuthError> {
    let posted_id = params.get("client_id")?;
    let posted_secret = params.get("client_secret")?;
    let (id, secret) = if headers.contains_key(AUTHORIZATION) {
        let basic = BasicCredentials::from_headers(headers)
            .ok_or(OAuthError::InvalidClient("the Authorization header holds no readable Basic credentials"))?;
        if posted_secret.is_some() || posted_id.is_some_and(|id| id != basic.client_id) {
            return Err(OAuthError::InvalidRequest("the client authenticates in two ways; use one".to_owned()));
        }
        let secret = Some(basic.client_secret).filter(|secret| !secret.is_empty());
        (basic.client_id, secret)
    } else {
        let id = posted_id.ok_or(OAuthError::InvalidClient(
            "the client does not say who it is; send `client_id` or Basic credentials",
        ))?;
        (id.to_owned(), posted_secret.map(str::to_owned))
    };
    let client = tenant
        .state()
        .client(&id)
        .cloned()
        .ok_or(OAuthError::InvalidClient("the client is not registered here; register it again"))?;
    match (&client.secret, secret) {
        (None, None) => Ok(client),
        (Some(known), Some(given)) if known.matches(&given) => Ok(client),
        (Some(_), Some(_)) => Err(OAuthError::InvalidClient("the client secret is wrong")),
        (Some(_), None) => Err(OAuthError::InvalidClient("the client secret is missing")),
        (None, Some(_)) => Err(OAuthError::InvalidClient("the client is public and has no secret; leave it out")),
    }
}
