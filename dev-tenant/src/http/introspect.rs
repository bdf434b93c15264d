//! Token introspection (RFC 7662), with the responses of PropelAuth.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::header::WWW_AUTHENTICATE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::{Form, Json};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use subtle::ConstantTimeEq as _;

use crate::secret::Digest;
use crate::tenant::Tenant;

use super::client_auth::BasicCredentials;
use super::fault::{Endpoint, ok, with_fault};

const ENDPOINT: Endpoint = Endpoint { path: "/oauth/2.1/introspect", wrong_credentials };

#[derive(Deserialize)]
pub(super) struct Request {
    token: String,
}

/// `POST /oauth/2.1/introspect`
pub(super) async fn introspect(
    State(tenant): State<Arc<Tenant>>,
    headers: HeaderMap,
    form: Result<Form<Request>, FormRejection>,
) -> Response {
    tenant.introspections.fetch_add(1, Ordering::Relaxed);
    let fault = tenant.fault();
    if let Some(fault) = &fault
        && let Some(response) = ENDPOINT.response_to_fault(&tenant, fault).await
    {
        return response;
    }
    if !is_authenticated(&tenant, &headers) {
        return wrong_credentials();
    }
    let Ok(Form(Request { token })) = form else {
        let error = json!({
            "error": "invalid_request",
            "error_description": "the body must be a form with one `token`",
        });
        return (StatusCode::BAD_REQUEST, Json(error)).into_response();
    };
    let claims = claims(&tenant, &token);
    match fault {
        Some(fault) => with_fault(&fault, claims),
        None => ok(&claims),
    }
}

fn wrong_credentials() -> Response {
    let challenge = [(WWW_AUTHENTICATE, "Basic realm=\"introspection\"")];
    let error = Json(json!({"error": "invalid_client"}));
    (StatusCode::UNAUTHORIZED, challenge, error).into_response()
}

fn is_authenticated(tenant: &Tenant, headers: &HeaderMap) -> bool {
    let Some(credentials) = BasicCredentials::from_headers(headers) else {
        return false;
    };
    let id = credentials.client_id.as_bytes().ct_eq(tenant.credentials.client_id.as_bytes());
    let secret = Digest::of(&tenant.credentials.client_secret).matches(&credentials.client_secret);
    bool::from(id) & secret
}

/// Returns the members of the introspection response for a token.
fn claims(tenant: &Tenant, token: &str) -> Map<String, Value> {
    let mut claims = Map::new();
    let state = tenant.state();
    let Some(active) = state.active_token(&tenant.config, token) else {
        claims.insert("active".to_owned(), false.into());
        return claims;
    };
    let mut set = |name: &str, value: Value| claims.insert(name.to_owned(), value);
    set("active", true.into());
    set("scope", active.scopes().join(" ").into());
    set("client_id", active.grant.client_id.clone().into());
    set("username", active.person.email.clone().into());
    set("sub", active.person.id.clone().into());
    set("exp", active.token.expires_at.into());
    set("iat", active.token.issued_at.into());
    if let Some(resource) = &active.grant.resource {
        set("aud", resource.clone().into());
    }
    let organization = tenant.config.organization();
    set("org_id", organization.id.clone().into());
    set("org_role", active.role.name.clone().into());
    claims
}
