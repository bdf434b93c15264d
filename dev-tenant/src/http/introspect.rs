//! Token introspection (RFC 7662), as PropelAuth answers it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Form, Json};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use subtle::ConstantTimeEq as _;

use crate::clock::now;
use crate::fault::Fault;
use crate::secret::Digest;
use crate::tenant::Tenant;

use super::basic::BasicCredentials;

/// The largest padding of [`Fault::Oversized`].
const MAX_PADDING: usize = 64 << 20;

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
            if let Some(response) = instead_of_answering(fault) {
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
            "error_description": "send a form with one `token`",
        });
        return (StatusCode::BAD_REQUEST, Json(error)).into_response();
    };
    let answer = answer(&tenant, &token);
    match fault {
        Some(fault) => with_fault(&fault, answer),
        None => ok(&answer),
    }
}

/// The faults that never get as far as an answer.
fn instead_of_answering(fault: &Fault) -> Option<Response> {
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
        Fault::Redirect => {
            let elsewhere = [(LOCATION, "/oauth/2.1/introspect?moved")];
            Some((StatusCode::TEMPORARY_REDIRECT, elsewhere).into_response())
        }
        _ => None,
    }
}

/// The faults that spoil the answer.
fn with_fault(fault: &Fault, mut answer: Map<String, Value>) -> Response {
    match fault {
        Fault::MalformedJson => {
            let mut text = Value::Object(answer).to_string();
            text.pop();
            return ([(CONTENT_TYPE, "application/json")], text).into_response();
        }
        Fault::Oversized { bytes } => {
            let padding = "x".repeat((*bytes).min(MAX_PADDING));
            answer.insert("padding".to_owned(), padding.into());
        }
        Fault::MissingAudience => {
            answer.remove("aud");
        }
        Fault::ScopeAsArray => {
            if let Some(Value::String(scope)) = answer.get("scope") {
                let scopes: Vec<_> = scope.split_ascii_whitespace().map(Value::from).collect();
                answer.insert("scope".to_owned(), scopes.into());
            }
        }
        Fault::ExpiredButActive => {
            answer.insert("active".to_owned(), true.into());
            answer.insert("exp".to_owned(), now().saturating_sub(60).into());
        }
        Fault::MissingActive => {
            answer.remove("active");
        }
        _ => {}
    }
    ok(&answer)
}

fn ok(answer: &Map<String, Value>) -> Response {
    ([(CACHE_CONTROL, "no-store")], Json(answer)).into_response()
}

fn wrong_credentials() -> Response {
    let challenge = [(WWW_AUTHENTICATE, "Basic realm=\"introspection\"")];
    let error = Json(json!({"error": "invalid_client"}));
    (StatusCode::UNAUTHORIZED, challenge, error).into_response()
}

fn is_authenticated(tenant: &Tenant, headers: &HeaderMap) -> bool {
    let Some(given) = BasicCredentials::from_headers(headers) else {
        return false;
    };
    let id = given.client_id.as_bytes().ct_eq(tenant.credentials.client_id.as_bytes());
    let secret = Digest::of(&tenant.credentials.client_secret).matches(&given.client_secret);
    bool::from(id) & secret
}

fn answer(tenant: &Tenant, token: &str) -> Map<String, Value> {
    let mut answer = Map::new();
    let state = tenant.state();
    let Some(live) = state.live_token(&tenant.config, token) else {
        answer.insert("active".to_owned(), false.into());
        return answer;
    };
    let mut set = |name: &str, value: Value| answer.insert(name.to_owned(), value);
    set("active", true.into());
    set("scope", live.scopes().join(" ").into());
    set("client_id", live.grant.client_id.clone().into());
    set("username", live.person.email.clone().into());
    set("sub", live.person.id.clone().into());
    set("exp", live.token.expires_at.into());
    set("iat", live.token.issued_at.into());
    if let Some(resource) = &live.grant.resource {
        set("aud", resource.clone().into());
    }
    let organization = tenant.config.organization();
    set("org_id", organization.id.clone().into());
    set("org_role", live.role.name.clone().into());
    answer
}
