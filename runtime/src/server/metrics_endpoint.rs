//! The listener of the Prometheus endpoint.

use std::net::SocketAddr;

use tokio::net::TcpListener;

use super::operator_endpoint::OperatorEndpoint;
use crate::{error::Error, metrics::prometheus};

/// Installs the recorder and serves the metrics until the returned value is dropped.
pub(super) async fn serve(address: Option<SocketAddr>) -> Result<Option<OperatorEndpoint>, Error> {
    let Some(address) = address else { return Ok(None) };
    let handle = prometheus::install()?;
    let listener = TcpListener::bind(address).await.map_err(|source| Error::ListenForMetrics { address, source })?;
    let address = listener.local_addr().map_err(|source| Error::ListenForMetrics { address, source })?;
    let router = prometheus::router(handle.clone());
    let endpoint = OperatorEndpoint::start(listener, router, None, prometheus::upkeep(handle));
    tracing::info!(%address, path = prometheus::PATH, "serving metrics");
    Ok(Some(endpoint))
}
