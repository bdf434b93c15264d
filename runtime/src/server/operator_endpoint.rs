//! Listeners for operators, on addresses of their own: the metrics and the console.

use std::{future::Future, time::Duration};

use axum::Router;
use tokio::{net::TcpListener, task::JoinHandle};

use super::accept::{self, ConnectionLimits, ServedRoutes};
use crate::{gate::AllowedOrigins, spawn::spawn};

/// Limits on the connections of an endpoint, which few clients use.
const LIMITS: ConnectionLimits = ConnectionLimits {
    max_connections: 8,
    max_header_bytes: 16 * 1024,
    header_timeout: Duration::from_secs(30),
    keep_alive_timeout: Duration::from_secs(75),
    write_timeout: Duration::from_secs(10),
    shutdown_timeout: Duration::ZERO,
    report: false,
};

/// Handle of an endpoint. Dropping it closes the endpoint.
#[derive(Debug)]
pub(super) struct OperatorEndpoint(JoinHandle<()>);

impl OperatorEndpoint {
    /// Serves routes until the handle is dropped or `until` completes. `allowed` are the hosts that a target in absolute
    /// form may name; `None` allows any.
    pub(super) fn start(
        listener: TcpListener,
        router: Router,
        allowed: Option<AllowedOrigins>,
        until: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        let served = ServedRoutes::new(router, allowed);
        Self(spawn(async move {
            accept::serve(listener, served, LIMITS, until, || 0, || {}).await;
        }))
    }
}

impl Drop for OperatorEndpoint {
    fn drop(&mut self) {
        self.0.abort();
    }
}
