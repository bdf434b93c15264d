//! A server that is ready: a router to nest, or a process to run.

use std::{future::Future, net::SocketAddr, sync::Arc};

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{
    Error, Preflight,
    cors::CorsForBrowsers,
    limits::Bounds,
    listen::{self, Drained},
    mcp::McpService,
    preflight::Probe,
    start_up::{Bound, StartUp},
    stop_signal,
};
use crate::{
    gate::{Gate, GateService},
    metrics,
    tool::{RegisteredTool, Registry, ScopeTable},
};

/// What [`Server::build`](super::Server::build) made: everything about it was checked.
pub struct BuiltServer(Components);

/// The parts of a built server.
pub(crate) struct Components {
    pub(crate) metadata: Router,
    /// For PropelAuth's webhooks and for whoever keeps the server running.
    pub(crate) operations: Router,
    pub(crate) start_up: StartUp,
    pub(crate) bound: Bound,
    pub(crate) probe: Arc<Probe>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) mcp: McpService,
    pub(crate) endpoint_path: String,
    pub(crate) base_path: String,
    pub(crate) resource: String,
    pub(crate) bind: SocketAddr,
    pub(crate) bounds: Bounds,
    pub(crate) metrics_address: Option<SocketAddr>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) shutdown: CancellationToken,
    #[cfg(feature = "redis")]
    pub(crate) replica: Option<Arc<crate::replicas::Replica>>,
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

    /// The server as a router, to be nested in a bigger one: the MCP endpoint behind its gate, the
    /// metadata, `/healthz` and `/readyz`, and `/webhooks/propelauth` where there is a secret for it.
    ///
    /// The well-known addresses are at the root of a host, so nest it at the root, or merge it.
    pub fn into_router(self) -> Router {
        #[cfg(feature = "redis")]
        if let Some(replica) = &self.0.replica {
            replica.listen(self.0.shutdown.clone());
        }
        let Components { metadata, operations, gate, mcp, endpoint_path, base_path, .. } = self.0;
        let service = CorsForBrowsers::new(Arc::clone(&gate), GateService::new(gate, mcp));
        let mut router = Router::new().route_service(&endpoint_path, service.clone());
        // A proxy may or may not take the path of SERVER_URL off.
        if !base_path.is_empty() {
            router = router.route_service(&format!("{base_path}{endpoint_path}"), service);
        }
        router.merge(metadata).merge(operations)
    }

    /// Finds out, before the first caller comes, whether tokens can be checked, clients can find their way, and the
    /// scopes are those of PropelAuth. `serve` does it by itself.
    pub async fn preflight(&self) -> Preflight {
        self.0.probe.run().await
    }

    /// Serves until Ctrl-C or SIGTERM, then lets requests in flight finish, for as long as
    /// [`shutdown_timeout`](super::Server::shutdown_timeout) says.
    ///
    /// # Errors
    ///
    /// The address cannot be listened on, or accepting connections failed; with [`strict`](super::Server::strict), the
    /// preflight found something fatal.
    pub async fn serve(self) -> Result<(), Error> {
        let address = self.0.bind;
        let listener = TcpListener::bind(address).await.map_err(|source| Error::Listen { address, source })?;
        self.serve_on(listener, stop_signal()).await
    }

    /// Serves on a listener that is there already, until `stop` is ready; then lets requests in flight finish.
    ///
    /// # Errors
    ///
    /// Accepting connections failed; with [`strict`](super::Server::strict), the preflight found something fatal.
    pub async fn serve_on(
        self,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), Error> {
        let shutdown = self.0.shutdown.clone();
        let readiness = Arc::clone(&self.0.probe.readiness);
        let start_up = self.0.start_up.begin(Arc::clone(&self.0.probe), shutdown.clone()).await?;
        self.0.bound.announce();
        tracing::info!(endpoint = self.0.resource, tools = self.0.registry.tools().len(), "serving");
        #[cfg_attr(
            not(feature = "prometheus"),
            expect(clippy::let_unit_value, reason = "with the feature it is what keeps serving")
        )]
        let _metrics = serve_metrics(self.0.metrics_address).await?;
        metrics::describe();
        metrics::breaker(metrics::BreakerState::Closed);
        let bounds = self.0.bounds.clone();
        let limits = Arc::clone(&self.0.gate.limits);
        let stop = async move {
            stop.await;
            readiness.stopping();
        };
        let under_way = || limits.under_way();
        let drained = listen::serve(listener, self.into_router(), &bounds, stop, under_way, shutdown.clone()).await;
        if let Drained::Cut(requests) = drained {
            metrics::requests_cut(requests);
            tracing::warn!(
                requests,
                after = ?bounds.shutdown_timeout,
                "stopped before every request was answered; `Server::shutdown_timeout` says how long they may take"
            );
        }
        shutdown.cancel();
        start_up.abort();
        Ok(())
    }
}

impl std::fmt::Debug for BuiltServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BuiltServer").field("endpoint", &self.0.resource).finish_non_exhaustive()
    }
}

/// Where the metrics are served for as long as this lives.
#[cfg(feature = "prometheus")]
async fn serve_metrics(address: Option<SocketAddr>) -> Result<Option<metrics::prometheus::Endpoint>, Error> {
    let Some(address) = address else { return Ok(None) };
    let handle = metrics::prometheus::install()?;
    let listener = TcpListener::bind(address).await.map_err(|source| Error::ListenForMetrics { address, source })?;
    Ok(Some(metrics::prometheus::serve(listener, handle)?))
}

#[cfg(not(feature = "prometheus"))]
#[expect(clippy::unused_async, reason = "the one with the feature is async")]
async fn serve_metrics(_: Option<SocketAddr>) -> Result<(), Error> {
    Ok(())
}
