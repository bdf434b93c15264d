//! The caller in a handler of an axum application.

use std::sync::{Arc, LazyLock};

use axum::{
    Json,
    extract::FromRequestParts,
    response::{IntoResponse, Response},
};
use http::{StatusCode, request::Parts};
use serde_json::json;
use thiserror::Error;

use super::{Caller, InsufficientScope};
use crate::log_limit::LogLimit;

/// Maximum length of a path in the log, in characters.
const MAX_LOGGED_PATH: usize = 256;

/// Extension of a request that has passed the gate. No other module can create one.
#[derive(Clone)]
pub(crate) struct GatedCaller(Arc<Caller>);

impl GatedCaller {
    pub(crate) fn new(caller: &Arc<Caller>) -> Self {
        Self(Arc::clone(caller))
    }
}

/// The caller of a request, in a handler behind a [`GateLayer`](crate::GateLayer). A handler that takes a caller therefore
/// cannot run without the gate.
impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = MissingGate;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, MissingGate> {
        let Some(GatedCaller(caller)) = parts.extensions.get() else {
            // Any client can cause this.
            static MISSING: LazyLock<LogLimit> = LazyLock::new(LogLimit::default);
            MISSING.log(|suppressed| {
                let path: String = parts.uri.path().chars().take(MAX_LOGGED_PATH).collect();
                tracing::error!(
                    path,
                    suppressed,
                    "a handler takes a `Caller`, and its route has no gate: add `.route_layer(server.gate_layer(..)?)` to it"
                );
            });
            return Err(MissingGate);
        };
        Ok(Arc::clone(caller.identity()).into())
    }
}

/// A handler takes a [`Caller`], and its route has no [`GateLayer`](crate::GateLayer). The response is 500, and the log names
/// the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the route of this handler has no gate")]
#[non_exhaustive]
pub struct MissingGate;

impl IntoResponse for MissingGate {
    fn into_response(self) -> Response {
        (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({ "error": "server_error" }))).into_response()
    }
}

/// The response is 403. A [`GateLayer`](crate::GateLayer) adds the challenge that names the scopes, and records it.
impl IntoResponse for InsufficientScope {
    fn into_response(self) -> Response {
        let body = Json(json!({ "error": "insufficient_scope", "error_description": self.to_string() }));
        let mut response = (StatusCode::FORBIDDEN, body).into_response();
        response.extensions_mut().insert(self);
        response
    }
}
