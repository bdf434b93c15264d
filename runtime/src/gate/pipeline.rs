//! The steps of a request to the MCP endpoint, and the recording of their rejections.

use std::{
    borrow::Cow,
    convert::Infallible,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    time::Duration,
};

use axum::body::Body;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tower::Service;

use super::{
    access::Access,
    fast_path::FastPath,
    has_content_type,
    in_flight::{InFlightGuard, InFlightLimit},
    jsonrpc::Message,
    origin::AllowedOrigins,
    rejection::{Rejection, RejectionResponder},
    revocable_stream,
};
use crate::{
    audit::RequestInfo,
    auth::{Authenticator, BearerToken, Caller, RevocationClock},
    mcp::AuthenticatedRequest,
    registry::{Authorized, DecisionError, Dispatcher},
};

/// Authenticates and authorizes the requests to the MCP endpoint of one server.
pub(crate) struct Gate {
    pub(crate) origins: AllowedOrigins,
    pub(crate) in_flight: Arc<InFlightLimit>,
    pub(crate) authenticator: Authenticator,
    pub(crate) revocation_clock: Arc<RevocationClock>,
    pub(crate) max_body_bytes: usize,
    pub(crate) body_timeout: Duration,
    pub(crate) dispatcher: Arc<Dispatcher>,
    /// `None` if every request goes to rmcp.
    pub(crate) fast_path: Option<FastPath>,
    pub(crate) responder: RejectionResponder,
}

/// Fields of the audit record that are known so far.
struct Progress<'a> {
    info: RequestInfo<'a>,
    caller: Option<Arc<Caller>>,
    tool: Option<Cow<'a, str>>,
}

impl Gate {
    /// Handles a request: passes it through the pipeline, or records the rejection and responds with it.
    async fn handle<S>(self: Arc<Self>, mut request: Request<Body>, inner: S) -> Result<Response<Body>, Infallible>
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    {
        let buffer = OnceLock::new();
        let info = RequestInfo::from_headers(request.headers());
        let mut progress = Progress { info, caller: None, tool: None };
        match self.process(&mut request, &buffer, &mut progress, inner).await {
            Ok(response) => Ok(response),
            Err(rejection) => Ok(self.reject(&rejection, &progress)),
        }
    }

    /// Runs the steps in order. `buffer` receives the body, so that `progress` can borrow from it.
    async fn process<'a, S>(
        &self,
        request: &mut Request<Body>,
        buffer: &'a OnceLock<Bytes>,
        progress: &mut Progress<'a>,
        inner: S,
    ) -> Result<Response<Body>, Rejection>
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    {
        self.origins.check(request.uri(), request.headers())?;
        // Acquired before the token is validated, so that an overloaded server rejects immediately.
        let mut in_flight = self.in_flight.acquire()?;
        let token = BearerToken::from_headers(request.headers())?;
        let mut access = self.authenticate(&token, progress).await?;
        in_flight.assign(&access.caller, &token)?;
        let body = self.read_body(std::mem::take(request.body_mut())).await?;
        // Reading may take long enough for the caller's access to end.
        if !access.is_current() {
            access = self.authenticate(&token, progress).await?;
        }
        drop(token);
        let body = buffer.get_or_init(|| body);
        let message = parse_message(request, body)?;
        if let Some(message) = &message {
            progress.read(message);
            message.check_call_params()?;
            let authorized = self.authorize(progress.tool.as_deref(), &access.caller)?;
            if let Some(fast_path) = &self.fast_path
                && let Some(candidate) = fast_path.recognize(request.headers(), message, authorized)
            {
                let response = fast_path.respond(candidate, &self.dispatcher, &access.caller, progress.info).await;
                let response = response.unwrap_or_else(|scopes| self.responder.step_up(&scopes, progress.info.id));
                return Ok(in_flight.hold(response));
            }
        }
        // The token must not be passed on to anything behind the gate (MCP, Token Handling). Tools have no use for the
        // other credentials.
        for credentials in [header::AUTHORIZATION, header::PROXY_AUTHORIZATION, header::COOKIE] {
            request.headers_mut().remove(credentials);
        }
        *request.body_mut() = Body::from(body.clone());
        let request = std::mem::take(request);
        self.forward(request, access, message.as_ref(), progress.info, in_flight, inner).await
    }

    /// Records a rejection and creates its response. Every `Rejection` passes through here.
    fn reject(&self, rejection: &Rejection, progress: &Progress<'_>) -> Response<Body> {
        rejection.log();
        match (rejection, &progress.caller, &progress.tool) {
            (Rejection::InsufficientScope(scopes), Some(caller), Some(tool)) => {
                self.dispatcher.record_insufficient_scope(progress.info, caller, tool, scopes);
            }
            (_, caller, _) => {
                self.dispatcher.audit().rejection(progress.info, caller.as_deref(), rejection.reason());
            }
        }
        self.responder.respond(rejection, progress.info.id)
    }

    async fn authenticate(&self, token: &BearerToken, progress: &mut Progress<'_>) -> Result<Access, Rejection> {
        progress.caller = None;
        // Read before the token is validated: a revocation from here on ends this access.
        let since = self.revocation_clock.epoch();
        let caller = self.authenticator.authenticate(token).await?;
        progress.caller = Some(Arc::clone(&caller));
        Ok(Access { caller, since, clock: Arc::clone(&self.revocation_clock) })
    }

    async fn read_body(&self, body: Body) -> Result<Bytes, Rejection> {
        let whole = Limited::new(body, self.max_body_bytes).collect();
        match tokio::time::timeout(self.body_timeout, whole).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                Err(Rejection::BodyTooLarge { limit: self.max_body_bytes })
            }
            Ok(Err(_)) => Err(Rejection::IncompleteBody),
            Err(_) => Err(Rejection::BodyTimeout),
        }
    }

    /// Decides a call. An unknown or hidden tool is not rejected here: rmcp's handler responds, so that its checks of
    /// the protocol come first and their order does not show which tools exist.
    fn authorize<'a>(
        &'a self,
        tool: Option<&str>,
        caller: &'a Arc<Caller>,
    ) -> Result<Option<Authorized<'a>>, Rejection> {
        let Some(tool) = tool else { return Ok(None) };
        match self.dispatcher.decide(tool, caller) {
            Ok(authorized) => Ok(Some(authorized)),
            Err(DecisionError::InsufficientScope(scopes)) => Err(Rejection::InsufficientScope(scopes)),
            Err(DecisionError::UnknownTool | DecisionError::Hidden) => Ok(None),
        }
    }

    /// Passes the request to rmcp's service, and its response through.
    async fn forward<S>(
        &self,
        mut request: Request<Body>,
        access: Access,
        message: Option<&Message<'_>>,
        info: RequestInfo<'_>,
        in_flight: InFlightGuard,
        mut inner: S,
    ) -> Result<Response<Body>, Rejection>
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    {
        let authenticated = AuthenticatedRequest::new(Arc::clone(&access.caller), info.received_at);
        request.extensions_mut().insert(authenticated.clone());
        let Ok(mut response) = inner.call(request).await;
        if message.is_some() {
            // rmcp responds with 415 to JSON that is not an MCP message.
            if response.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE {
                return Err(Rejection::UnknownMessage);
            }
            // A stream that has begun keeps its status; the JSON-RPC error in it names the scopes.
            if let Some(scopes) = authenticated.step_up()
                && has_content_type(response.headers(), "application/json")
            {
                response = self.responder.step_up(scopes, info.id);
            }
        }
        Ok(in_flight.hold(revocable_stream::end_with_access(response, access)))
    }
}

impl<'a> Progress<'a> {
    fn read(&mut self, message: &Message<'a>) {
        self.info.id = message.request_id();
        self.info.trace_id = message.trace_id().or(self.info.trace_id);
        self.tool = message.called_tool();
    }
}

/// Parses the body of a `POST` with JSON. Other requests are left to rmcp.
fn parse_message<'a>(request: &Request<Body>, body: &'a [u8]) -> Result<Option<Message<'a>>, Rejection> {
    if request.method() != Method::POST || !has_content_type(request.headers(), "application/json") {
        return Ok(None);
    }
    Ok(Some(Message::parse(body)?))
}

/// A service behind the gate.
pub(crate) struct GateService<S> {
    gate: Arc<Gate>,
    inner: S,
}

impl<S> GateService<S> {
    pub(crate) fn new(gate: Arc<Gate>, inner: S) -> Self {
        Self { gate, inner }
    }
}

impl<S: Clone> Clone for GateService<S> {
    fn clone(&self) -> Self {
        Self { gate: Arc::clone(&self.gate), inner: self.inner.clone() }
    }
}

impl<S> Service<Request<Body>> for GateService<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // The inner service is always ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let gate = Arc::clone(&self.gate);
        let inner = self.inner.clone();
        Box::pin(gate.handle(request, inner))
    }
}
