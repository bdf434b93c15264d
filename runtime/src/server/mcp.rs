//! rmcp's Streamable HTTP service, made for one request and its caller.

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
use tower::Service;

use super::handler::Handler;
use crate::{
    gate::{Admission, Dispatcher},
    tool::StateSeal,
};

/// What stands behind the gate.
#[derive(Clone)]
pub(crate) struct McpService(Arc<Inner>);

struct Inner {
    dispatcher: Arc<Dispatcher>,
    info: Arc<ServerConfig>,
    config: StreamableHttpServerConfig,
    sessions: Arc<NeverSessionManager>,
    seal: Arc<StateSeal>,
}

impl McpService {
    pub(crate) fn new(
        dispatcher: Arc<Dispatcher>,
        info: ServerConfig,
        max_body: usize,
        seal: StateSeal,
        shutdown: tokio_util::sync::CancellationToken,
    ) -> Self {
        // Hosts and origins are the gate's to check; no sessions, so that any replica can answer any request.
        let config = StreamableHttpServerConfig::default()
            .with_legacy_session_mode(false)
            .with_json_response(true)
            .with_max_request_body_bytes(max_body)
            .with_cancellation_token(shutdown)
            .disable_allowed_hosts();
        Self(Arc::new(Inner {
            dispatcher,
            info: Arc::new(info),
            config,
            sessions: Arc::default(),
            seal: Arc::new(seal),
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
            let Some(admission) = request.extensions().get::<Admission>().cloned() else {
                // Nobody was admitted: somebody mounted this without the gate. Fail closed.
                tracing::error!("a request reached the MCP service without passing the gate");
                let mut response = Response::new(Body::empty());
                *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                return Ok(response);
            };
            let handler = Handler {
                dispatcher: Arc::clone(&inner.dispatcher),
                info: Arc::clone(&inner.info),
                admission,
                seal: Arc::clone(&inner.seal),
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
