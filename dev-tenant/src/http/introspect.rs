//! Token introspection (RFC 7662), with the responses of PropelAuth.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::{Form, Json};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use subtle::ConstantTimeEq as _;

use crate::clock::now;
use crate::fault::Fault;
use crate::secret::Digest;
use crate::tenant::Tenant;

use super::client_auth::BasicCredentials;

/// Maximum padding of [`Fault::Oversized`], in bytes.
const MAX_PADDING_BYTES: usize = 64 << 20;

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
    match &fault {
        Some(Fault::Delay { milliseconds }) => {
            let delay = tokio::time::sleep(Duration::from_millis(*milliseconds));
            let _ = tenant.shutdown.run_until_cancelled(delay).await;
        }
        Some(Fault::Hang) => {
            tenant.shutdown.cancelled().await;
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
        Some(fault) => {
            if let Some(response) = response_to_fault(fault) {
                return response;
            }
        }
        None => {}
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

/// Returns the response of a fault that does not depend on the token.
fn response_to_fault(fault: &Fault) -> Option<Response> {
    match fault {
        Fault::ServerError => Some(StatusCode::INTERNAL_SERVER_ERROR.into_response()),
        Fault::TooManyRequests { retry_after_seconds } => {
            let mut response = StatusCode::TOO_MANY_REQUESTS.into_response();
            if let Some(seconds) = retry_after_seconds {
                response.headers_mut().insert(RETRY_AFTER, (*seconds).into());
            }
            Some(response)
        }
        Fault::WrongCredentials => Some(wrong_credentials()),
        Fault::Redirect => Some(Redirect::temporary("/oauth/2.1/introspect?moved").into_response()),
        _ => None,
    }
}

/// Applies a fault that changes the introspection response.
fn with_fault(fault: &Fault, mut claims: Map<String, Value>) -> Response {
    match fault {
        Fault::MalformedJson => {
            let mut text = Value::Object(claims).to_string();
            text.pop();
            return ([(CONTENT_TYPE, "application/json")], text).into_response();
        }
        Fault::Oversized { bytes } => {
            let padding = "x".repeat((*bytes).min(MAX_PADDING_BYTES));
            claims.insert("padding".to_owned(), padding.into());
        }
        Fault::MissingAudience => {
            claims.remove("aud");
        }
        Fault::ScopeAsArray => {
            if let Some(Value::String(scope)) = claims.get("scope") {
                let scopes: Vec<_> = scope.split_ascii_whitespace().map(Value::from).collect();
                claims.insert("scope".to_owned(), scopes.into());
            }
        }
        Fault::ExpiredButActive => {
            claims.insert("active".to_owned(), true.into());
            claims.insert("exp".to_owned(), now().saturating_sub(60).into());
        }
        Fault::MissingActive => {
            claims.remove("active");
        }
        _ => {}
    }
    ok(&claims)
}

fn ok(claims: &Map<String, Value>) -> Response {
    ([(CACHE_CONTROL, "no-store")], Json(claims)).into_response()
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
