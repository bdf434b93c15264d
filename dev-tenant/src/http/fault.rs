//! Faults of the endpoints that resource servers call.

use std::time::Duration;

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde_json::{Map, Value};

use crate::clock::now;
use crate::fault::Fault;
use crate::tenant::Tenant;

/// Maximum padding of [`Fault::Oversized`], in bytes.
const MAX_PADDING_BYTES: usize = 64 << 20;

/// An endpoint with a fault.
pub(super) struct Endpoint {
    pub(super) path: &'static str,
    /// Returns the response to wrong credentials of a resource server.
    pub(super) wrong_credentials: fn() -> Response,
}

impl Endpoint {
    /// Applies a fault before the request is read. Returns the response of one that does not depend on the request.
    pub(super) async fn response_to_fault(&self, tenant: &Tenant, fault: &Fault) -> Option<Response> {
        match fault {
            Fault::Delay { milliseconds } => {
                let delay = tokio::time::sleep(Duration::from_millis(*milliseconds));
                let _ = tenant.shutdown.run_until_cancelled(delay).await;
                None
            }
            Fault::Hang => {
                tenant.shutdown.cancelled().await;
                Some(StatusCode::SERVICE_UNAVAILABLE.into_response())
            }
            Fault::ServerError => Some(StatusCode::INTERNAL_SERVER_ERROR.into_response()),
            Fault::TooManyRequests { retry_after_seconds } => {
                let mut response = StatusCode::TOO_MANY_REQUESTS.into_response();
                if let Some(seconds) = retry_after_seconds {
                    response.headers_mut().insert(RETRY_AFTER, (*seconds).into());
                }
                Some(response)
            }
            Fault::WrongCredentials => Some((self.wrong_credentials)()),
            Fault::Redirect => Some(Redirect::temporary(&format!("{}?moved", self.path)).into_response()),
            _ => None,
        }
    }
}

/// Applies a fault that changes the correct response.
pub(super) fn with_fault(fault: &Fault, mut members: Map<String, Value>) -> Response {
    match fault {
        Fault::MalformedJson => {
            let mut text = Value::Object(members).to_string();
            text.pop();
            return ([(CONTENT_TYPE, "application/json")], text).into_response();
        }
        Fault::Oversized { bytes } => {
            let padding = "x".repeat((*bytes).min(MAX_PADDING_BYTES));
            members.insert("padding".to_owned(), padding.into());
        }
        Fault::MissingAudience => {
            members.remove("aud");
        }
        Fault::ScopeAsArray => {
            if let Some(Value::String(scope)) = members.get("scope") {
                let scopes: Vec<_> = scope.split_ascii_whitespace().map(Value::from).collect();
                members.insert("scope".to_owned(), scopes.into());
            }
        }
        Fault::ExpiredButActive => {
            members.insert("active".to_owned(), true.into());
            members.insert("exp".to_owned(), now().saturating_sub(60).into());
        }
        Fault::MissingActive => {
            members.remove("active");
        }
        _ => {}
    }
    ok(&members)
}

/// Returns the correct response, which must not be stored.
pub(super) fn ok(members: &Map<String, Value>) -> Response {
    ([(CACHE_CONTROL, "no-store")], Json(members)).into_response()
}
