//! rmcp's Streamable HTTP service, created for each request with the caller of that request.

use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
};

use axum::body::Body;
use futures_util::future::BoxFuture;
use http::{Request, Response, StatusCode};
use rmcp::{
    model::ServerConfig,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::never::NeverSessionManager,
    },
};
use tokio_util::sync::CancellationToken;
use tower::Service;

use super::{AuthenticatedRequest, handler::Handler};
use crate::{operation::RequestStateSigner, registry::Dispatcher};

/// The MCP service behind the gate.
#[derive(Clone)]
pub(crate) struct McpService(Arc<Inner>);

/// Input of [`McpService::new`].
pub(crate) struct McpServiceConfig {
    pub(crate) dispatcher: Arc<Dispatcher>,
    pub(crate) info: ServerConfig,
    pub(crate) max_body_bytes: usize,
    pub(crate) signer: RequestStateSigner,
    pub(crate) shutdown: CancellationToken,
}

struct Inner {
    dispatcher: Arc<Dispatcher>,
    info: Arc<ServerConfig>,
    config: StreamableHttpServerConfig,
    sessions: Arc<NeverSessionManager>,
    signer: Arc<RequestStateSigner>,
}

impl McpService {
    pub(crate) fn new(config: McpServiceConfig) -> Self {
        // The gate checks hosts and origins. There are no sessions, so any replica can serve any request.
        let http = StreamableHttpServerConfig::default()
            .with_legacy_session_mode(false)
            .with_json_response(true)
            .with_max_request_body_bytes(config.max_body_bytes)
            .with_cancellation_token(config.shutdown)
            .disable_allowed_hosts();
        Self(Arc::new(Inner {
            dispatcher: config.dispatcher,
            info: Arc::new(config.info),
            config: http,
            sessions: Arc::default(),
            signer: Arc::new(config.signer),
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
                let mut response = Response::new(Body::empty());
                *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                return Ok(response);
            };
            let handler = Handler {
                dispatcher: Arc::clone(&inner.dispatcher),
                info: Arc::clone(&inner.info),
                signer: Arc::clone(&inner.signer),
                created_for: authenticated,
            };
            let service = StreamableHttpService::new(
                move || Ok(handler.clone()),
                Arc::clone(&inner.sessions),
                inner.config.clone(),
            );
            Ok(service.handle(request).await.map(Body::new))
        })
    }
}
