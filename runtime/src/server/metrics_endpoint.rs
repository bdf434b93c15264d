//! The listener of the Prometheus endpoint.

use std::{net::SocketAddr, time::Duration};

use axum::Router;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::accept::{self, ConnectionLimits, ServedRoutes};
use crate::{error::Error, metrics::prometheus};

/// Limits on the connections of the endpoint, which few clients use.
const LIMITS: ConnectionLimits = ConnectionLimits {
    max_connections: 8,
    max_header_bytes: 16 * 1024,
    header_timeout: Duration::from_secs(30),
    keep_alive_timeout: Duration::from_secs(75),
    write_timeout: Duration::from_secs(10),
    shutdown_timeout: Duration::ZERO,
    report: false,
};

/// Handle of the endpoint. Dropping it closes the endpoint.
#[derive(Debug)]
pub(super) struct Endpoint(JoinHandle<()>);

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Installs the recorder and serves the metrics until the returned value is dropped.
pub(super) async fn serve(address: Option<SocketAddr>) -> Result<Option<Endpoint>, Error> {
    let Some(address) = address else { return Ok(None) };
    let handle = prometheus::install()?;
    let listener = TcpListener::bind(address).await.map_err(|source| Error::ListenForMetrics { address, source })?;
    let address = listener.local_addr().map_err(|source| Error::ListenForMetrics { address, source })?;
    let router = prometheus::router(handle.clone());
    let served = ServedRoutes { router, independent: Router::new(), allowed: None };
    let task = tokio::spawn(async move {
        let stop = CancellationToken::new();
        let upkeep = prometheus::upkeep(handle);
        accept::serve(listener, served, LIMITS, upkeep, || 0, stop).await;
    });
    tracing::info!(%address, path = prometheus::PATH, "serving metrics");
    Ok(Some(Endpoint(task)))
}
