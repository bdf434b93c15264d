//! Extension that the gate adds to each request that it forwards to rmcp.

use std::{
    fmt,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Instant,
};

use rmcp::ErrorData;
use serde_json::{Map, Value};

use crate::{
    audit::{RequestInfo, TraceId},
    auth::{Access, Caller},
    mcp::sessions::{SessionCall, SessionRequest},
    notifications::{Filter, Subscription},
    registry::CountedOperation,
    scope::MissingScopes,
    traces::Carried,
};

/// Caller and arrival time of a request that has passed the gate. A request without this extension is not served.
#[derive(Clone)]
pub(crate) struct AuthenticatedRequest {
    access: Access,
    received_at: Instant,
    trace_id: Option<TraceId>,
    span: Carried,
    accepts_stream: bool,
    counted: Option<CountedOperation>,
    /// `None` without a session.
    session: Option<SessionCall>,
    exchange: Arc<Exchange>,
}

/// What the gate and the handler pass to each other.
#[derive(Default)]
struct Exchange {
    /// Arguments of a call that the body, as rmcp receives it, does not have.
    arguments: Mutex<Option<Map<String, Value>>>,
    step_up: OnceLock<StepUp>,
    /// What a `subscriptions/listen` opens.
    subscription: Mutex<Option<Subscription>>,
    /// Session of the HTTP request, until rmcp's service takes it.
    session: Mutex<Option<SessionRequest>>,
}

/// Scopes that a request needs beyond those of its token.
pub(crate) struct StepUp {
    pub(crate) scopes: MissingScopes,
    /// Sentence that names what needs the scopes.
    pub(crate) needed: String,
}

impl AuthenticatedRequest {
    /// Creates the extension for a client that does or does not accept a stream of messages as the response. `arguments`
    /// are those of a call whose body is passed on without them.
    pub(crate) fn new(
        access: Access,
        info: RequestInfo<'_>,
        accepts_stream: bool,
        arguments: Option<Map<String, Value>>,
    ) -> Self {
        let exchange = Arc::new(Exchange { arguments: Mutex::new(arguments), ..Exchange::default() });
        let RequestInfo { trace_id, received_at, .. } = info;
        Self {
            access,
            received_at,
            trace_id,
            span: Carried::current(),
            accepts_stream,
            counted: None,
            session: None,
            exchange,
        }
    }

    /// Adds the operation whose rates the request was counted in.
    pub(crate) fn with_counted(self, counted: Option<CountedOperation>) -> Self {
        Self { counted, ..self }
    }

    /// Returns the operation whose rates the request was counted in.
    pub(super) fn counted(&self) -> Option<CountedOperation> {
        self.counted
    }

    /// Adds the session of the request. Its access is what the request was granted; the request is in flight as long as
    /// `in_flight` exists.
    pub(crate) fn with_session(
        mut self,
        session: SessionRequest,
        access: Access,
        in_flight: Arc<dyn Send + Sync>,
    ) -> Self {
        self.session = Some(session.call(access, in_flight));
        *self.exchange.session.lock().unwrap_or_else(PoisonError::into_inner) = Some(session);
        self
    }

    /// Takes the session of the HTTP request.
    pub(super) fn take_session(&self) -> Option<SessionRequest> {
        self.exchange.session.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Returns the session of the MCP request.
    pub(super) fn session(&self) -> Option<&SessionCall> {
        self.session.as_ref()
    }

    /// Runs a future in the span of the request's message. rmcp runs handlers in tasks of their own.
    pub(super) fn in_span<F: Future>(&self, future: F) -> impl Future<Output = F::Output> {
        self.span.run(future)
    }

    /// Runs a call. In a session, it is cancelled when the access of the request ends.
    ///
    /// # Errors
    ///
    /// The access ended.
    pub(super) async fn while_current<T>(&self, call: impl Future<Output = T>) -> Result<T, ErrorData> {
        let call = self.in_span(call);
        let Some(session) = &self.session else { return Ok(call.await) };
        let ended = || ErrorData::internal_error("the access of the request ended", None);
        session.while_current(call).await.ok_or_else(ended)
    }

    /// Returns the extension for a handler that can outlive the request: without the request's session, and without the map
    /// of all claims that a rule may have built.
    pub(super) fn without_session(mut self) -> Self {
        self.session = None;
        self.access.caller = Arc::new(Caller::from(Arc::clone(self.access.caller.identity())));
        self
    }

    /// Returns whether notifications can be sent before the response.
    pub(crate) fn accepts_stream(&self) -> bool {
        self.accepts_stream
    }

    /// Takes the arguments, if the body was passed on without them.
    pub(crate) fn take_arguments(&self) -> Option<Map<String, Value>> {
        self.exchange.arguments.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Adds the subscription that the request opens, if it opens one.
    pub(crate) fn with_subscription(self, subscription: Option<Subscription>) -> Self {
        *self.exchange.subscription.lock().unwrap_or_else(PoisonError::into_inner) = subscription;
        self
    }

    /// Returns what the client is notified of, if the request opens a subscription.
    pub(super) fn subscription_filter(&self) -> Option<Filter> {
        let subscription = self.exchange.subscription.lock().unwrap_or_else(PoisonError::into_inner);
        subscription.as_ref().map(|subscription| subscription.subscriber().filter())
    }

    /// Takes the subscription, if the request opens one.
    pub(super) fn take_subscription(&self) -> Option<Subscription> {
        self.exchange.subscription.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(crate) fn caller(&self) -> &Arc<Caller> {
        &self.access.caller
    }

    /// Access of the caller, which a revocation ends.
    pub(crate) fn access(&self) -> &Access {
        &self.access
    }

    /// Returns what the audit log has of the request with this JSON-RPC id and this `traceparent`.
    pub(super) fn info<'a>(&self, id: &'a str, traceparent: Option<&str>) -> RequestInfo<'a> {
        let trace_id = traceparent.and_then(TraceId::parse).or(self.trace_id);
        RequestInfo { id, trace_id, received_at: self.received_at }
    }

    /// Reports that the call needs more scopes, so that the gate responds with a step-up challenge unless a response
    /// stream has begun. Only the first report counts.
    pub(crate) fn require_step_up(&self, step_up: StepUp) {
        let _ = self.exchange.step_up.set(step_up);
    }

    /// The missing scopes, if the call needs more.
    pub(crate) fn step_up(&self) -> Option<&StepUp> {
        self.exchange.step_up.get()
    }
}

/// Omits the arguments.
impl fmt::Debug for AuthenticatedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticatedRequest").field("caller", &self.access.caller).finish_non_exhaustive()
    }
}
