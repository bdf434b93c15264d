//! The steps of a request to the MCP endpoint, and the recording of their rejections.

use std::{
    convert::Infallible,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
};

use axum::body::Body;
use bytes::Bytes;
use futures_util::future::{BoxFuture, OptionFuture};
use http::{HeaderMap, HeaderValue, Request, Response, header};
use tower::Service;

use super::{
    accept::{self, Accepted, check_head, prefers_html},
    body::{BodyLimits, without_arguments},
    fast_path::FastPath,
    has_content_type,
    in_flight::{InFlightGuard, InFlightLimit},
    jsonrpc::{Message, Target},
    origin::AllowedOrigins,
    rejection::{Rejection, RejectionLog, RejectionResponder},
    revocable_stream,
    rmcp_response::{Exchange, is_current_revision, is_known_revision},
    session_methods::{WITH_SESSIONS, WITHOUT_SESSIONS, is_session_method},
    stream_limit::StreamLimit,
    subscribe::SubscriptionGate,
    trusted_proxies::TrustedProxies,
    unknown_tokens::UnknownTokenLimit,
};
#[cfg(feature = "otel")]
use crate::{audit::TraceId, traces};
use crate::{
    audit::{self, MAX_TEXT, RequestInfo},
    auth::{
        Access, Authenticator, BearerToken, CachedToken, Caller, CredentialsError, RevocationClock, TokenClass,
        ValidationError,
    },
    body::GuardedBody,
    mcp::{AuthenticatedRequest, SESSION_ID, SessionLimitReached, SessionRequest, SessionUse, Sessions, StepUp},
    metrics::Label as _,
    operation::OperationKind,
    peer::Peer,
    rates::{Quotas, Rates},
    registry::{Authorized, CountedOperation, DecisionError, Dispatcher},
    resource::MAX_URI_BYTES,
    scope::MissingScopes,
};

/// Authenticates and authorizes the requests to the MCP endpoint of one server.
pub(crate) struct Gate {
    pub(crate) origins: AllowedOrigins,
    pub(crate) proxies: TrustedProxies,
    pub(crate) in_flight: Arc<InFlightLimit>,
    /// `None` if nothing has a rate.
    pub(crate) rates: Option<Rates>,
    pub(crate) streams: Arc<StreamLimit>,
    /// `None` if every request is served without a session.
    pub(crate) sessions: Option<Arc<Sessions>>,
    pub(crate) unknown_tokens: UnknownTokenLimit,
    pub(crate) authenticator: Arc<Authenticator>,
    pub(crate) revocation_clock: Arc<RevocationClock>,
    pub(crate) max_token_bytes: usize,
    pub(crate) body_limits: BodyLimits,
    pub(crate) subscriptions: SubscriptionGate,
    pub(crate) dispatcher: Arc<Dispatcher>,
    /// `None` if every request goes to rmcp.
    pub(crate) fast_path: Option<FastPath>,
    pub(crate) responder: RejectionResponder,
    pub(crate) rejection_log: RejectionLog,
    /// `None` if browsers get JSON, too.
    pub(crate) unauthorized_page: Option<Arc<dyn UnauthorizedPage>>,
}

/// Page for browsers that send no credentials.
pub(crate) trait UnauthorizedPage: Send + Sync {
    /// Replaces the body of a 401 response with the page.
    fn replace_body(&self, response: &mut Response<Body>);
}

/// A message that has been read, and what was granted for it.
struct ReadMessage<'a> {
    message: Message<'a>,
    body: &'a Bytes,
    token: BearerToken,
    in_flight: InFlightGuard,
    access: Access,
}

/// Headers that rmcp repeats in log messages and errors.
const LOGGED_HEADERS: [&str; 5] =
    ["last-event-id", "mcp-method", "mcp-name", "mcp-protocol-version", "mcp-session-id"];

/// Fields of the audit record that are known so far.
pub(super) struct Progress<'a> {
    pub(super) info: RequestInfo<'a>,
    pub(super) caller: Option<Arc<Caller>>,
    pub(super) target: Option<Target<'a>>,
    /// The quotas that the request was counted in.
    pub(super) quotas: Quotas,
    /// The name of the server that the request uses. `None` as long as the request has its headers.
    pub(super) host_name: Option<usize>,
    /// The span of the message, once it has been read.
    #[cfg(feature = "otel")]
    pub(super) span: Option<tracing::Span>,
}

impl Gate {
    /// Handles a request: passes it through the pipeline, or records the rejection and responds with it.
    ///
    /// The future of a request is in several boxes of less than 1 KiB, and the steps that few requests take are in boxes of
    /// their own. One box for all would be larger than what the caches of most allocators hold, and glibc alone then takes
    /// 2,000 instructions to allocate it.
    async fn handle<S>(&self, request: &mut Request<Body>, inner: &S) -> Response<Body>
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone,
    {
        let buffer = OnceLock::new();
        let info = RequestInfo::from_headers(request.headers());
        let mut progress = Progress::new(info);
        match Box::pin(self.process(request, &buffer, &mut progress, inner)).await {
            Ok(mut response) => {
                progress.quotas.add_headers(response.headers_mut());
                response
            }
            Err(rejection) => {
                let host_name = progress.host_name.unwrap_or_else(|| self.host_name(request));
                let mut response = self.reject(&rejection, &progress, host_name);
                self.negotiate(&rejection, request.headers(), &mut response);
                progress.quotas.add_headers(response.headers_mut());
                response
            }
        }
    }

    /// Creates the span of a message, and takes its trace ID for the log and the audit log if the client sent none.
    #[cfg(feature = "otel")]
    fn message_span(
        &self,
        message: &Message<'_>,
        headers: &HeaderMap,
        caller: &Caller,
        progress: &mut Progress<'_>,
    ) -> Option<tracing::Span> {
        let find = |target: &Target<'_>| {
            Some((target.kind, self.dispatcher.registry().find(target.kind, &target.name)?.operation.name()))
        };
        let id = progress.info.sanitized_id();
        let span = traces::message(&traces::MessageInfo {
            method: message.method.as_deref(),
            id: id.as_deref(),
            operation: progress.target.as_ref().and_then(find),
            meta: message.meta(),
            headers,
            user: caller.user_id(),
            organization: caller.org_id(),
        })?;
        progress.info.trace_id =
            progress.info.trace_id.or_else(|| traces::trace_id(&span).and_then(TraceId::from_digits));
        progress.span = Some(span.clone());
        Some(span)
    }

    /// Number of requests that have not been answered.
    pub(crate) fn requests_in_flight(&self) -> usize {
        self.in_flight.in_flight() + self.unknown_tokens.len()
    }

    /// Runs the steps in order. `buffer` receives the body, so that `progress` can borrow from it.
    async fn process<'a, S>(
        &self,
        request: &mut Request<Body>,
        buffer: &'a OnceLock<Bytes>,
        progress: &mut Progress<'a>,
        inner: &S,
    ) -> Result<Response<Body>, Rejection>
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone,
    {
        self.origins.check(request.uri(), request.headers())?;
        let token = BearerToken::from_headers(request.headers(), self.max_token_bytes)?;
        let (mut in_flight, mut access) = self.admit(&token, self.proxies.client(request), progress).await?;
        check_audit_log()?;
        self.count_request(&access.caller, &mut progress.quotas).await?;
        if let Some(sessions) = &self.sessions
            && is_session_method(request.method())
        {
            let admitted = (in_flight, access);
            return Box::pin(self.handle_session_method(sessions, request, admitted, progress.info, inner.clone()))
                .await;
        }
        let methods = if self.sessions.is_some() { WITH_SESSIONS } else { WITHOUT_SESSIONS };
        check_head(request.method(), request.headers(), methods)?;
        let body = self.body_limits.read(std::mem::take(request.body_mut()), &mut in_flight).await?;
        // Reading may take long enough for the caller's access to end.
        if !access.is_current() {
            access = self.authenticate_again(&token, progress).await?;
        }
        check_audit_log()?;
        let body = buffer.get_or_init(|| body);
        let message = Message::parse(body)?;
        progress.read(&message);
        #[cfg(feature = "otel")]
        if let Some(span) = self.message_span(&message, request.headers(), &access.caller, progress) {
            use tracing::Instrument as _;
            let read = ReadMessage { message, body, token, in_flight, access };
            return Box::pin(self.process_message(request, read, progress, inner).instrument(span)).await;
        }
        let read = ReadMessage { message, body, token, in_flight, access };
        Box::pin(self.process_message(request, read, progress, inner)).await
    }

    /// Takes the steps after the message has been read.
    #[expect(clippy::manual_async_fn, reason = "the future of an `async fn` has space for each argument twice")]
    fn process_message<'r, 'a, S>(
        &'r self,
        request: &'r mut Request<Body>,
        ReadMessage { message, body, token, mut in_flight, access }: ReadMessage<'a>,
        progress: &'r mut Progress<'a>,
        inner: &'r S,
    ) -> impl Future<Output = Result<Response<Body>, Rejection>> + use<'r, 'a, S>
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone,
        'a: 'r,
    {
        async move {
            let accepted = Accepted::of(request.headers());
            if !accepted.json {
                return Err(Rejection::NotAcceptable);
            }
            message.check_params()?;
            let session = self.find_session(request.headers(), &access)?;
            let authorized = match self.authorize(progress.target.as_ref(), &access.caller) {
                Ok(authorized) => authorized,
                Err(mut scopes) => {
                    self.add_conditional_scopes(&mut scopes, &message, body, &access.caller, &mut in_flight).await;
                    let needed = self.needed_scopes(progress.target.as_ref(), &access.caller, &scopes);
                    return Err(Rejection::InsufficientScope { scopes, needed });
                }
            };
            let counted = self.count_call(authorized.as_ref(), &mut progress.quotas).await?;
            // rmcp compares mirrored arguments with their headers.
            let rmcp_reads_arguments =
                authorized.as_ref().is_some_and(|authorized| authorized.operation().mirrors_headers());
            self.body_limits.check_size(body, &message, rmcp_reads_arguments, &mut in_flight)?;
            let arguments = message.parse_arguments()?;
            let subscribed =
                OptionFuture::from(self.subscribe(&message, progress.info, &access, token)).await.transpose()?;
            let (subscription, stream) = subscribed.unzip();
            if let Some(fast_path) = &self.fast_path
                && let Some(candidate) =
                    fast_path.recognize(request.headers(), &message, authorized, self.dispatcher.registry())
            {
                let arguments = arguments.unwrap_or_default();
                let name = progress.target.as_ref().map_or("", |target| &target.name);
                let response =
                    fast_path.respond(candidate, name, arguments, &self.dispatcher, &access.caller, progress.info);
                let response = Box::pin(response).await.unwrap_or_else(|scopes| {
                    let needed = self.needed_scopes(progress.target.as_ref(), &access.caller, &scopes);
                    self.responder.step_up(&scopes, &needed, progress.info.id, self.host_name(request))
                });
                return Ok(in_flight.hold(response));
            }
            let by_rmcp = async move {
                let (body, arguments) = if rmcp_reads_arguments {
                    (body.clone(), None)
                } else {
                    // The tool then receives exactly what was parsed here.
                    (without_arguments(body, &message), arguments)
                };
                let mut authenticated =
                    AuthenticatedRequest::new(access.clone(), progress.info, accepted.stream, arguments)
                        .with_subscription(subscription)
                        .with_counted(counted);
                // A call in a session can take longer than its response.
                let in_flight = Arc::new(in_flight);
                let session = match session {
                    Some(session) => Some(SessionRequest::Use(session)),
                    None => self.open_session(request.headers(), &message, accepted, &access)?,
                };
                let in_session = session.is_some();
                if let Some(session) = session {
                    authenticated = authenticated.with_session(session, access.clone(), Arc::clone(&in_flight) as _);
                }
                let is_known_revision = is_known_revision(request.headers());
                let host_name = self.host_name(request);
                progress.host_name = Some(host_name);
                let response = forward(request, body.clone(), authenticated.clone(), inner.clone()).await?;
                let response = match authenticated.step_up() {
                    // A stream that has begun keeps its status; the JSON-RPC error in it names the scopes.
                    Some(StepUp { scopes, needed }) if has_content_type(response.headers(), "application/json") => {
                        self.responder.step_up(scopes, needed, progress.info.id, host_name)
                    }
                    _ => {
                        Exchange { message: &message, body, accepted, is_known_revision, in_session }
                            .restate(response)
                            .await?
                    }
                };
                if let Some(stream) = stream {
                    // From here on, it is not a request in flight.
                    return Ok(stream.hold(response));
                }
                let response = revocable_stream::end_with_access(response, access);
                Ok(response.map(|body| Body::new(GuardedBody::new(body, in_flight))))
            };
            Box::pin(by_rmcp).await
        }
    }

    /// Records a rejection and creates its response. Every `Rejection` passes through here.
    pub(super) fn reject(&self, rejection: &Rejection, progress: &Progress<'_>, host_name: usize) -> Response<Body> {
        #[cfg(feature = "otel")]
        let _entered = progress.span.as_ref().map(tracing::Span::enter);
        self.rejection_log.log(rejection);
        match (rejection, &progress.caller, &progress.target) {
            (Rejection::InsufficientScope { scopes, .. }, Some(caller), Some(Target { kind, name })) => {
                self.dispatcher.record_insufficient_scope(progress.info, caller, *kind, name, scopes);
            }
            (Rejection::RateLimited(limited), Some(caller), target) => {
                let limit = limited.limit.name();
                match target {
                    Some(Target { kind, name }) => {
                        self.dispatcher.record_rate_limited(progress.info, caller, *kind, name, limit);
                    }
                    // Before the body is read.
                    None => self.dispatcher.audit().rate_limited(progress.info, caller, limit),
                }
            }
            (_, caller, _) => {
                self.dispatcher.audit().rejection(progress.info, caller.as_deref(), rejection.reason());
            }
        }
        self.responder.respond(rejection, progress.info.id, host_name)
    }

    /// Rejects a request to another route of this server if it names a foreign host or origin.
    #[cfg(any(feature = "approvals", feature = "landing-page"))]
    pub(crate) fn reject_foreign_origin(&self, uri: &http::Uri, headers: &HeaderMap) -> Option<Response<Body>> {
        let error = self.origins.check(uri, headers).err()?;
        let info = RequestInfo::from_headers(headers);
        let host_name = self.responder.host_name(uri, headers);
        let progress = Progress { host_name: Some(host_name), ..Progress::new(info) };
        Some(self.reject(&error.into(), &progress, host_name))
    }

    /// Returns the client that sent a request to another route of this server.
    #[cfg(feature = "approvals")]
    pub(crate) fn client<B>(&self, request: &Request<B>) -> Option<Peer> {
        self.proxies.client(request)
    }

    /// Replaces the body of the response to a browser that sent no credentials. Status and other headers stay.
    fn negotiate(&self, rejection: &Rejection, headers: &HeaderMap, response: &mut Response<Body>) {
        let Some(page) = &self.unauthorized_page else { return };
        if !matches!(rejection, Rejection::Credentials(CredentialsError::Missing)) {
            return;
        }
        response.headers_mut().append(header::VARY, HeaderValue::from_static("accept"));
        if !headers.contains_key(header::AUTHORIZATION) && prefers_html(headers) {
            page.replace_body(response);
        }
    }

    /// Authenticates a request and counts it as in flight. A request with an unknown token counts in a pool of its own
    /// until the token has been validated, so that invented tokens take no place from known ones.
    pub(super) async fn admit(
        &self,
        token: &BearerToken,
        peer: Option<Peer>,
        progress: &mut Progress<'_>,
    ) -> Result<(InFlightGuard, Access), Rejection> {
        // Read before the token is validated: a revocation from here on ends this access.
        let since = self.revocation_clock.epoch();
        let (caller, in_flight) = match self.authenticator.lookup(token)? {
            CachedToken::Current(caller) => {
                progress.caller = Some(Arc::clone(&caller));
                let in_flight = self.in_flight.acquire(&caller)?;
                (caller, in_flight)
            }
            CachedToken::Outdated(previous) => {
                let in_flight = self.in_flight.acquire(&previous)?;
                (self.authenticate(token, TokenClass::Known).await?, in_flight)
            }
            CachedToken::Unknown => {
                self.in_flight.check()?;
                let place = self.unknown_tokens.acquire(peer)?;
                let caller = self.authenticate(token, place.token_class()).await?;
                drop(place);
                progress.caller = Some(Arc::clone(&caller));
                let in_flight = self.in_flight.acquire(&caller)?;
                (caller, in_flight)
            }
        };
        progress.caller = Some(Arc::clone(&caller));
        Ok((in_flight, Access { caller, since, clock: Arc::clone(&self.revocation_clock) }))
    }

    /// Validates a token that is not cached.
    fn authenticate<'a>(
        &'a self,
        token: &'a BearerToken,
        class: TokenClass,
    ) -> BoxFuture<'a, Result<Arc<Caller>, ValidationError>> {
        Box::pin(self.authenticator.authenticate(token, class))
    }

    /// Authenticates a request again whose access has ended.
    async fn authenticate_again(
        &self,
        token: &BearerToken,
        progress: &mut Progress<'_>,
    ) -> Result<Access, Rejection> {
        progress.caller = None;
        let since = self.revocation_clock.epoch();
        let caller = self.authenticate(token, TokenClass::Known).await?;
        progress.caller = Some(Arc::clone(&caller));
        Ok(Access { caller, since, clock: Arc::clone(&self.revocation_clock) })
    }

    /// Returns the session of a request that names one. A revision without sessions ignores the name.
    fn find_session(&self, headers: &HeaderMap, access: &Access) -> Result<Option<SessionUse>, Rejection> {
        match &self.sessions {
            Some(sessions) if headers.contains_key(SESSION_ID) && !is_current_revision(headers) => {
                sessions.find(headers, access).map(Some).ok_or(Rejection::UnknownSession)
            }
            _ => Ok(None),
        }
    }

    /// Opens a session for an `initialize`. A client that does not accept streams is served without one.
    fn open_session(
        &self,
        headers: &HeaderMap,
        message: &Message<'_>,
        accepted: Accepted,
        access: &Access,
    ) -> Result<Option<SessionRequest>, Rejection> {
        let Some(sessions) = self.sessions.as_ref().filter(|_| accepted.stream) else { return Ok(None) };
        if message.method.as_deref() != Some("initialize") || message.id.is_none() || is_current_revision(headers) {
            return Ok(None);
        }
        sessions.open(access).map(|opening| Some(SessionRequest::Open(opening))).map_err(|limit| match limit {
            SessionLimitReached::OfServer => Rejection::TooManySessions,
            SessionLimitReached::OfCaller => Rejection::TooManySessionsFromCaller,
        })
    }

    /// Decides a call. An unknown or hidden operation is not rejected here: rmcp's handler responds, so that its checks of
    /// the protocol come first and their order does not show which operations exist.
    fn authorize<'a>(
        &'a self,
        target: Option<&Target<'_>>,
        caller: &'a Arc<Caller>,
    ) -> Result<Option<Authorized<'a>>, MissingScopes> {
        let Some(Target { kind, name }) = target else { return Ok(None) };
        match self.dispatcher.decide(*kind, name, caller) {
            Ok(authorized) => Ok(Some(authorized)),
            Err(DecisionError::InsufficientScope(scopes)) => Err(scopes),
            Err(DecisionError::Unknown | DecisionError::Hidden) => Ok(None),
        }
    }

    /// Counts a request in the rate of its caller.
    pub(super) async fn count_request(&self, caller: &Caller, quotas: &mut Quotas) -> Result<(), Rejection> {
        if let Some(rates) = &self.rates {
            quotas.record(rates.count_request(caller).await)?;
        }
        Ok(())
    }

    /// Counts an authorized call in the rates of its operation, and returns the operation.
    async fn count_call(
        &self,
        authorized: Option<&Authorized<'_>>,
        quotas: &mut Quotas,
    ) -> Result<Option<CountedOperation>, Rejection> {
        let (Some(rates), Some(authorized)) = (&self.rates, authorized) else { return Ok(None) };
        let operation = authorized.operation();
        quotas.record(rates.count_call(operation, authorized.caller()).await)?;
        Ok(Some((operation.kind(), operation.name())))
    }

    /// Returns the position of the server's name that a request uses.
    fn host_name(&self, request: &Request<Body>) -> usize {
        self.responder.host_name(request.uri(), request.headers())
    }

    fn needed_scopes(&self, target: Option<&Target<'_>>, caller: &Caller, scopes: &MissingScopes) -> String {
        let (kind, name) = target.map_or((OperationKind::Tool, ""), |target| (target.kind, &*target.name));
        self.dispatcher.needed_scopes(kind, name, caller, scopes)
    }

    /// Adds the scopes that depend on the arguments to the missing ones of a call. Arguments that the gate would reject
    /// require none.
    async fn add_conditional_scopes(
        &self,
        scopes: &mut MissingScopes,
        message: &Message<'_>,
        body: &[u8],
        caller: &Caller,
        in_flight: &mut InFlightGuard,
    ) {
        let registry = self.dispatcher.registry();
        let target = message.target();
        let Some(found) = target.and_then(|target| registry.find(target.kind, &target.name)) else { return };
        if found.operation.has_conditional_scopes()
            && self.body_limits.check_size(body, message, false, in_flight).is_ok()
            && let Ok(arguments) = message.parse_arguments()
        {
            let arguments = arguments.unwrap_or_default();
            Box::pin(registry.add_conditional_scopes(scopes, found, caller, arguments)).await;
        }
    }
}

impl<'a> Progress<'a> {
    pub(super) fn new(info: RequestInfo<'a>) -> Self {
        Self {
            info,
            caller: None,
            target: None,
            quotas: Quotas::default(),
            host_name: None,
            #[cfg(feature = "otel")]
            span: None,
        }
    }

    fn read(&mut self, message: &Message<'a>) {
        self.info.id = message.request_id();
        self.info.trace_id = message.trace_id().or(self.info.trace_id);
        self.target = message.target();
    }
}

/// Passes a request to rmcp's service, without its credentials: the token must not be passed on to anything behind the
/// gate (MCP, Token Handling), and tools have no use for cookies and proxy credentials.
pub(super) async fn forward<S>(
    request: &mut Request<Body>,
    body: Bytes,
    authenticated: AuthenticatedRequest,
    mut inner: S,
) -> Result<Response<Body>, Rejection>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    check_logged_headers(request.headers())?;
    for credentials in [header::AUTHORIZATION, header::PROXY_AUTHORIZATION, header::COOKIE] {
        request.headers_mut().remove(credentials);
    }
    accept::canonicalize(request.headers_mut());
    *request.body_mut() = Body::from(body);
    request.extensions_mut().insert(authenticated);
    let Ok(response) = inner.call(std::mem::take(request)).await;
    Ok(response)
}

/// Checks that no header which rmcp logs is longer than what may be logged.
fn check_logged_headers(headers: &HeaderMap) -> Result<(), Rejection> {
    let is_long = |name: &&str| {
        // The name of a resource is its URI.
        let limit = if *name == "mcp-name" { MAX_URI_BYTES } else { MAX_TEXT };
        headers.get_all(*name).iter().any(|value| value.len() > limit)
    };
    LOGGED_HEADERS.into_iter().find(is_long).map_or(Ok(()), |name| Err(Rejection::HeaderTooLong(name)))
}

/// Rejects the request if the record of its call may not fit into the audit log.
pub(super) fn check_audit_log() -> Result<(), Rejection> {
    if audit::is_available() { Ok(()) } else { Err(Rejection::AuditUnavailable) }
}

/// A service behind the gate.
pub(crate) struct GateService<S>(Arc<Gated<S>>);

struct Gated<S> {
    gate: Arc<Gate>,
    inner: S,
}

impl<S> GateService<S> {
    pub(crate) fn new(gate: Arc<Gate>, inner: S) -> Self {
        Self(Arc::new(Gated { gate, inner }))
    }
}

impl<S> Clone for GateService<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S> Service<Request<Body>> for GateService<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // The inner service is always ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let gated = Arc::clone(&self.0);
        #[cfg(feature = "otel")]
        if let Some(trace) = traces::request(&request) {
            return Box::pin(async move { Ok(trace.run(gated.gate.handle(&mut request, &gated.inner)).await) });
        }
        Box::pin(async move { Ok(gated.gate.handle(&mut request, &gated.inner).await) })
    }
}
