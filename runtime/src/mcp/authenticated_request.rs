//! Extension that the gate adds to each request that it forwards to rmcp.

use std::{
    fmt,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Instant,
};

use serde_json::{Map, Value};

use crate::{
    audit::{RequestInfo, TraceId},
    auth::Caller,
    scope::MissingScopes,
};

/// Caller and arrival time of a request that has passed the gate. A request without this extension is not served.
#[derive(Clone)]
pub(crate) struct AuthenticatedRequest {
    caller: Arc<Caller>,
    received_at: Instant,
    accepts_stream: bool,
    exchange: Arc<Exchange>,
}

/// What the gate and the handler pass to each other.
#[derive(Default)]
struct Exchange {
    /// Arguments of a call that the body, as rmcp receives it, does not have.
    arguments: Mutex<Option<Map<String, Value>>>,
    step_up: OnceLock<MissingScopes>,
}

impl AuthenticatedRequest {
    /// Creates the extension for a client that does or does not accept a stream of messages as the response. `arguments`
    /// are those of a call whose body is passed on without them.
    pub(crate) fn new(
        caller: Arc<Caller>,
        received_at: Instant,
        accepts_stream: bool,
        arguments: Option<Map<String, Value>>,
    ) -> Self {
        let exchange = Arc::new(Exchange { arguments: Mutex::new(arguments), ..Exchange::default() });
        Self { caller, received_at, accepts_stream, exchange }
    }

    /// Returns whether notifications can be sent before the response.
    pub(crate) fn accepts_stream(&self) -> bool {
        self.accepts_stream
    }

    /// Takes the arguments, if the body was passed on without them.
    pub(crate) fn take_arguments(&self) -> Option<Map<String, Value>> {
        self.exchange.arguments.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(crate) fn caller(&self) -> &Arc<Caller> {
        &self.caller
    }

    /// Returns what the audit log has of the request with this JSON-RPC id and this `traceparent`.
    pub(super) fn info<'a>(&self, id: &'a str, traceparent: Option<&str>) -> RequestInfo<'a> {
        RequestInfo { id, trace_id: traceparent.and_then(TraceId::parse), received_at: self.received_at }
    }

    /// Reports that the call needs more scopes, so that the gate responds with a step-up challenge unless a response
    /// stream has begun. Only the first report counts.
    pub(crate) fn require_step_up(&self, scopes: MissingScopes) {
        let _ = self.exchange.step_up.set(scopes);
    }

    /// The missing scopes, if the call needs more.
    pub(crate) fn step_up(&self) -> Option<&MissingScopes> {
        self.exchange.step_up.get()
    }
}

/// Omits the arguments.
impl fmt::Debug for AuthenticatedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticatedRequest").field("caller", &self.caller).finish_non_exhaustive()
    }
}
