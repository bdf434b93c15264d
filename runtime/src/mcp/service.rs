//! rmcp's Streamable HTTP service, created for each request with the caller and the session of that request.

use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
};

use axum::body::Body;
use futures_util::future::BoxFuture;
use http::{HeaderValue, Request, Response, StatusCode, header};
use rmcp::{
    ErrorData,
    model::{JsonObject, ServerConfig, ServerJsonRpcMessage},
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::never::NeverSessionManager,
    },
};
use tokio_util::sync::CancellationToken;
use tower::Service;

use super::{
    AuthenticatedRequest, SESSION_ID, SessionRequest,
    handler::Handler,
    sessions::{Outcome, SessionOfRequest},
};
use crate::{
    body::GuardedBody, notifications::Notifications, operation::RequestStateSigner, registry::Dispatcher,
    tasks::Tasks,
};

/// The MCP service behind the gate.
#[derive(Clone)]
pub(crate) struct McpService(Arc<Inner>);

/// Input of [`McpService::new`].
pub(crate) struct McpServiceConfig {
    pub(crate) dispatcher: Arc<Dispatcher>,
    pub(crate) notifications: Notifications,
    pub(crate) info: ServerConfig,
    pub(crate) max_body_bytes: usize,
    pub(crate) signer: RequestStateSigner,
    /// `None` if no tool has tasks.
    pub(crate) tasks: Option<Arc<Tasks>>,
    pub(crate) shutdown: CancellationToken,
}

struct Inner {
    dispatcher: Arc<Dispatcher>,
    notifications: Notifications,
    info: Arc<ServerConfig>,
    /// What a session has in addition.
    session_info: Arc<ServerConfig>,
    config: StreamableHttpServerConfig,
    sessions: Arc<NeverSessionManager>,
    signer: Arc<RequestStateSigner>,
    tasks: Option<Arc<Tasks>>,
}

impl McpService {
    pub(crate) fn new(config: McpServiceConfig) -> Self {
        // The gate checks hosts and origins. A request without a session can be served by any replica.
        let http = StreamableHttpServerConfig::default()
            .with_legacy_session_mode(false)
            .with_json_response(true)
            .with_max_request_body_bytes(config.max_body_bytes)
            .with_cancellation_token(config.shutdown)
            .disable_allowed_hosts();
        let mut session_info = config.info.clone();
        session_info.capabilities.logging = Some(JsonObject::default());
        Self(Arc::new(Inner {
            dispatcher: config.dispatcher,
            notifications: config.notifications,
            session_info: Arc::new(session_info),
            info: Arc::new(config.info),
            config: http,
            sessions: Arc::default(),
            signer: Arc::new(config.signer),
            tasks: config.tasks,
        }))
    }
}

impl Service<Request<Body>> for McpService {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            let Some(authenticated) = request.extensions().get::<AuthenticatedRequest>().cloned() else {
                // The service was mounted without the gate: fail closed.
                tracing::error!("a request reached the MCP service without passing the gate");
                return Ok(with_status(StatusCode::INTERNAL_SERVER_ERROR));
            };
            let session = authenticated.take_session();
            let info = if session.is_some() { &inner.session_info } else { &inner.info };
            let accepts_stream = authenticated.accepts_stream();
            let handler = Handler {
                dispatcher: Arc::clone(&inner.dispatcher),
                notifications: inner.notifications.clone(),
                info: Arc::clone(info),
                signer: Arc::clone(&inner.signer),
                tasks: inner.tasks.clone(),
                created_for: authenticated,
            };
            if let Some(session) = session {
                return Ok(inner.serve_in_session(handler, session, accepts_stream, request).await);
            }
            let service = StreamableHttpService::new(
                move || Ok(handler.clone()),
                Arc::clone(&inner.sessions),
                inner.config.clone(),
            );
            Ok(service.handle(request).await.map(Body::new))
        })
    }
}

impl Inner {
    async fn serve_in_session(
        &self,
        mut handler: Handler,
        session: SessionRequest,
        accepts_stream: bool,
        mut request: Request<Body>,
    ) -> Response<Body> {
        let is_new = matches!(session, SessionRequest::Open(_));
        handler.created_for = handler.created_for.without_session();
        let (manager, session) = SessionOfRequest::new(session, accepts_stream);
        let manager = Arc::new(manager);
        // rmcp logs and repeats the ID, so it receives a number instead.
        request.headers_mut().remove(SESSION_ID);
        if !is_new {
            request.headers_mut().insert(SESSION_ID, manager.number());
        }
        let mut config = self
            .config
            .clone()
            .with_legacy_session_mode(true)
            .with_cancellation_token(manager.session().ended().clone());
        // The streams of a session begin with an event of their own.
        config.sse_retry = None;
        let service = StreamableHttpService::new(move || Ok(handler.clone()), Arc::clone(&manager), config);
        let response = service.handle(request).await.map(Body::new);
        let mut response = match manager.take_outcome() {
            Some(outcome) => complete(outcome),
            None => response,
        };
        response.headers_mut().remove(SESSION_ID);
        if let Some(id) = manager.new_id().filter(|_| response.status().is_success()) {
            response.headers_mut().insert(SESSION_ID, id);
        }
        response.map(|body| Body::new(GuardedBody::new(body, session)))
    }
}

/// Creates the response that the session has instead of a stream.
fn complete(outcome: Outcome) -> Response<Body> {
    let (status, message) = match outcome {
        Outcome::Complete(message) => (StatusCode::OK, message),
        Outcome::DuplicateId(id) => {
            let text = "the session has a request with this ID, which was not answered yet: use another ID";
            let error = ErrorData::invalid_request(text, None);
            (StatusCode::BAD_REQUEST, Arc::new(ServerJsonRpcMessage::error(error, Some(id))))
        }
        Outcome::Ended => return with_status(StatusCode::NOT_FOUND),
    };
    let Ok(body) = serde_json::to_vec(&*message) else { return with_status(StatusCode::INTERNAL_SERVER_ERROR) };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn with_status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
