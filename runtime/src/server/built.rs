//! A server that is ready: a router to nest, or a process to run.

use std::{future::Future, net::SocketAddr, sync::Arc};

use axum::{Router, routing::any_service};
use http::{HeaderName, Method, header};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::{Error, discovery::Discovery, drift, mcp::McpService};
use crate::{
    gate::{Gate, GateService},
    tool::{RegisteredTool, Registry, ScopeTable},
};

/// What [`Server::build`](super::Server::build) made: everything about it was checked.
pub struct BuiltServer(Components);

/// The parts of a built server.
pub(crate) struct Components {
    pub(crate) metadata: Router,
    pub(crate) gate: Arc<Gate>,
    pub(crate) mcp: McpService,
    pub(crate) endpoint: String,
    pub(crate) base_path: String,
    pub(crate) resource: String,
    pub(crate) bind: SocketAddr,
    pub(crate) registry: Arc<Registry>,
    pub(crate) declared: Vec<&'static str>,
    pub(crate) discovery: Arc<Discovery>,
    pub(crate) shutdown: CancellationToken,
}

impl BuiltServer {
    pub(crate) fn new(components: Components) -> Self {
        Self(components)
    }

    /// The address of the MCP endpoint, which is also the resource that tokens have to be for.
    pub fn endpoint(&self) -> &str {
        &self.0.resource
    }

    /// Where [`serve`](Self::serve) listens.
    pub fn bind_address(&self) -> SocketAddr {
        self.0.bind
    }

    /// Every tool and what it requires.
    pub fn scope_table(&self) -> ScopeTable {
        ScopeTable::new(self.0.registry.tools().iter().map(RegisteredTool::info).cloned().collect())
    }

    /// The server as a router, to be nested in a bigger one: the MCP endpoint behind its gate, and the metadata.
    ///
    /// The well-known addresses are at the root of a host, so nest it at the root, or merge it.
    pub fn into_router(self) -> Router {
        let Components { metadata, gate, mcp, endpoint, base_path, .. } = self.0;
        let origins = Arc::clone(&gate);
        // Browser clients read the challenge, and send the headers of MCP.
        let cors = CorsLayer::new()
            .allow_origin(AllowOrigin::predicate(move |origin, _| origins.origins.allows_origin(origin)))
            .allow_methods([Method::GET, Method::POST, Method::DELETE])
            .allow_headers(tower_http::cors::AllowHeaders::mirror_request())
            .expose_headers([
                header::WWW_AUTHENTICATE,
                header::RETRY_AFTER,
                HeaderName::from_static("mcp-session-id"),
            ]);
        let service = any_service(GateService::new(gate, mcp));
        let mut router = Router::new().route(&endpoint, service.clone());
        // A proxy may or may not take the path of SERVER_URL off.
        if !base_path.is_empty() {
            router = router.route(&format!("{base_path}{endpoint}"), service);
        }
        router.layer(cors).merge(metadata)
    }

    /// Serves until Ctrl-C or SIGTERM, then lets requests in flight finish.
    ///
    /// # Errors
    ///
    /// The address cannot be listened on, or accepting connections failed.
    pub async fn serve(self) -> Result<(), Error> {
        let address = self.0.bind;
        let listener = TcpListener::bind(address).await.map_err(|source| Error::Listen { address, source })?;
        self.serve_on(listener, stop_signal()).await
    }

    /// Serves on a listener that is there already, until `stop` is ready; then lets requests in flight finish.
    ///
    /// # Errors
    ///
    /// Accepting connections failed.
    pub async fn serve_on(
        self,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), Error> {
        let shutdown = self.0.shutdown.clone();
        let start_up =
            tokio::spawn(look_around(Arc::clone(&self.0.discovery), self.0.declared.clone(), self.scope_table()));
        tracing::info!(endpoint = self.0.resource, tools = self.0.registry.tools().len(), "serving");
        let served = axum::serve(listener, self.into_router())
            .with_graceful_shutdown(async move {
                stop.await;
                tracing::info!("stopping: requests in flight may finish");
                shutdown.cancel();
            })
            .await;
        start_up.abort();
        Ok(served?)
    }
}

impl std::fmt::Debug for BuiltServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BuiltServer").field("endpoint", &self.0.resource).finish_non_exhaustive()
    }
}

/// Fetches the authorization server's metadata before the first client asks for it, and says what does not fit.
async fn look_around(discovery: Arc<Discovery>, declared: Vec<&'static str>, table: ScopeTable) {
    let advertised = discovery.get().await.ok().and_then(|server| server.scopes_supported.clone());
    for finding in drift::findings(&declared, advertised.as_deref(), &table) {
        tracing::warn!("scopes {finding}");
    }
}

/// Ctrl-C, or what a service manager sends.
async fn stop_signal() {
    let interrupt = async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::error!(%error, "cannot wait for Ctrl-C; stop the process instead");
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(error) => {
                tracing::error!(%error, "cannot wait for SIGTERM");
                std::future::pending::<()>().await;
            }
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}
