//! A running server: its background work, and its graceful shutdown.

use std::{
    fmt,
    future::IntoFuture,
    io,
    pin::pin,
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

#[cfg(feature = "console")]
use super::console_endpoint;
#[cfg(feature = "prometheus")]
use super::metrics_endpoint;
#[cfg(any(feature = "console", feature = "prometheus"))]
use super::operator_endpoint::OperatorEndpoint;
use super::{
    BuiltServer,
    config::{SettingValue, Source},
    health,
    preflight::Probe,
};
use crate::{error::Error, gate::Gate, metrics, notifications::Notifications, registry::ListKind, tasks::Tasks};

/// Time between two checks whether requests are in flight.
const DRAIN_INTERVAL: Duration = Duration::from_millis(20);

/// A server whose background work runs, for an app that serves the server's routers itself; see [`BuiltServer::start`].
///
/// Clones share the server. When the last one is dropped, the preflight check and the endpoints for operators stop. The
/// revocations of other replicas are received as long as the routers exist.
#[derive(Clone)]
#[must_use = "the preflight check stops when this value is dropped"]
pub struct RunningServer(Arc<Running>);

struct Running {
    gate: Arc<Gate>,
    probe: Arc<Probe>,
    notifications: Notifications,
    tasks: Option<Arc<Tasks>>,
    shutdown_timeout: Duration,
    stopping: CancellationToken,
    shutdown: CancellationToken,
    shutdown_began: OnceLock<Instant>,
    preflight: JoinHandle<()>,
    #[cfg(feature = "prometheus")]
    _metrics: Option<OperatorEndpoint>,
    #[cfg(feature = "console")]
    _console: Option<OperatorEndpoint>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.preflight.abort();
    }
}

impl BuiltServer {
    /// Starts what a server does beside serving requests: the preflight check, which decides the readiness, the revocations
    /// of other replicas, and the endpoints for metrics and for the console. [`serve`](Self::serve) calls it itself.
    ///
    /// Call it in an app that serves the [routers](Self::into_router) itself, and shut the server down with the returned
    /// handle:
    ///
    /// ```no_run
    /// use axum::Router;
    /// use tokio::net::TcpListener;
    /// use toolgate::{auth::StaticTokens, prelude::*, shutdown_signal};
    ///
    /// pub static SCOPES: Scopes = Scopes::new(&["tickets:write"]);
    ///
    /// #[tokio::main]
    /// async fn main() -> Result<(), toolgate::Error> {
    ///     let mcp = Server::new("Tickets", &SCOPES).auth(StaticTokens::new()).build()?;
    ///     let listener = TcpListener::bind(mcp.bind_address()).await?;
    ///     let running = mcp.start().await?;
    ///     let app = Router::new().merge(mcp.into_router());
    ///
    ///     let server = running.clone();
    ///     let serving = axum::serve(listener, app).with_graceful_shutdown(async move {
    ///         shutdown_signal().await;
    ///         server.begin_shutdown();
    ///     });
    ///     running.drive(serving).await
    /// }
    /// ```
    ///
    /// The limits on connections and request heads are those of the app's own HTTP server. To have those of toolgate, let it
    /// serve the app: [`with_app`](Self::with_app).
    ///
    /// # Errors
    ///
    /// The preflight check failed and was [required](super::Server::require_preflight), or the metrics or the console cannot
    /// be served.
    pub async fn start(&self) -> Result<RunningServer, Error> {
        self.start_with(None).await
    }

    /// Starts the server. `max_connections` is that of the listener, for the log.
    pub(super) async fn start_with(&self, max_connections: Option<usize>) -> Result<RunningServer, Error> {
        let components = &self.components;
        for SettingValue { key, value, source, .. } in &components.settings {
            if *source != Source::Default {
                tracing::debug!(setting = key, value = %value, %source, "read a setting");
            }
        }
        let preflight =
            components.preflight.start(Arc::clone(&components.probe), components.shutdown.clone()).await?;
        components.revocation_delay.log();
        let resources = [ListKind::Resources, ListKind::ResourceTemplates];
        let resources: usize = resources.into_iter().map(|list| components.registry.list(list).len()).sum();
        tracing::info!(
            endpoint = components.resource,
            tools = components.registry.list(ListKind::Tools).len(),
            prompts = components.registry.list(ListKind::Prompts).len(),
            resources = resources,
            max_connections,
            "serving"
        );
        #[cfg(feature = "redis")]
        self.start_replication();
        #[cfg(feature = "prometheus")]
        let metrics = metrics_endpoint::serve(&components.http).await?;
        #[cfg(feature = "console")]
        let console = console_endpoint::serve(components).await?;
        metrics::describe();
        metrics::circuit_breaker(metrics::CircuitBreakerState::Closed);
        metrics::build_info(&components.name, &components.version);
        components.probe.readiness().publish();
        Ok(RunningServer(Arc::new(Running {
            gate: Arc::clone(&components.gate),
            probe: Arc::clone(&components.probe),
            notifications: components.notifications.clone(),
            tasks: components.tasks.clone(),
            shutdown_timeout: components.http.shutdown_timeout,
            stopping: components.stopping.clone(),
            shutdown: components.shutdown.clone(),
            shutdown_began: OnceLock::new(),
            preflight,
            #[cfg(feature = "prometheus")]
            _metrics: metrics,
            #[cfg(feature = "console")]
            _console: console,
        })))
    }
}

impl RunningServer {
    /// Returns the reasons why the server is not ready, as `/readyz` shows them. Empty if it is ready.
    pub fn unready_reasons(&self) -> Vec<&'static str> {
        health::unready_reasons(&self.0.probe)
    }

    /// Makes the server unready, so that load balancers use another replica. It still serves all requests.
    pub(super) fn announce_shutdown(&self) {
        self.0.probe.readiness().shutting_down();
    }

    /// Begins the graceful shutdown: the server is no longer ready, and open subscriptions and streams of sessions end with
    /// their results. Requests in flight continue, and new ones are still served. Further calls do nothing.
    pub fn begin_shutdown(&self) {
        if self.0.shutdown_began.set(Instant::now()).is_err() {
            return;
        }
        self.announce_shutdown();
        self.0.stopping.cancel();
        // The drain waits for open streams. Each ends with the result of its request.
        self.0.notifications.end_subscriptions();
    }

    /// Runs the app's HTTP server until it ends, then [shuts down](Self::shut_down).
    ///
    /// From [`begin_shutdown`](Self::begin_shutdown) on, it waits for the HTTP server for at most
    /// [`shutdown_timeout`](crate::config::HttpConfig::shutdown_timeout), logs the number of requests that have not
    /// finished, and returns. They are aborted when the program ends.
    ///
    /// # Errors
    ///
    /// The HTTP server failed.
    pub async fn drive(&self, serving: impl IntoFuture<Output = io::Result<()>>) -> Result<(), Error> {
        let mut serving = pin!(serving.into_future());
        let served = tokio::select! {
            served = &mut serving => served,
            () = self.shutdown_timed_out() => {
                log_aborted(self.requests_in_flight(), self.0.shutdown_timeout);
                self.abort();
                Ok(())
            }
        };
        self.shut_down().await;
        served.map_err(Error::Serve)
    }

    /// Shuts the server down: [begins](Self::begin_shutdown) unless that was done before, waits for the requests in
    /// flight and for [tasks](crate::tasks) until [`shutdown_timeout`](crate::config::HttpConfig::shutdown_timeout) has
    /// passed since then, and writes what the audit log has not written yet.
    pub async fn shut_down(&self) {
        self.begin_shutdown();
        let deadline = self.deadline(self.0.shutdown_timeout);
        while self.requests_in_flight() > 0 && Instant::now() < deadline && !self.0.shutdown.is_cancelled() {
            sleep(DRAIN_INTERVAL).await;
        }
        self.finish(self.0.shutdown_timeout).await;
    }

    /// Number of requests to the MCP endpoint and to routes behind the gate that are in flight.
    pub(super) fn requests_in_flight(&self) -> usize {
        self.0.gate.requests_in_flight()
    }

    /// Cancels the calls that are still running.
    pub(super) fn abort(&self) {
        self.0.shutdown.cancel();
    }

    /// Waits for tasks until the timeout has passed since the shutdown began, and ends all other work.
    pub(super) async fn finish(&self, shutdown_timeout: Duration) {
        if let Some(tasks) = &self.0.tasks {
            tasks.shut_down(self.deadline(shutdown_timeout)).await;
        }
        self.0.shutdown.cancel();
        self.0.preflight.abort();
        // The program closes the audit log when the server has stopped.
        self.0.gate.dispatcher.audit().flush();
    }

    /// End of the time that requests and tasks have to finish.
    fn deadline(&self, shutdown_timeout: Duration) -> Instant {
        self.0.shutdown_began.get().copied().unwrap_or_else(Instant::now) + shutdown_timeout
    }

    /// Waits until the shutdown has begun and its time is over.
    async fn shutdown_timed_out(&self) {
        self.0.stopping.cancelled().await;
        sleep_until(self.deadline(self.0.shutdown_timeout)).await;
    }
}

/// Logs requests that did not finish in time, and counts them.
pub(super) fn log_aborted(requests: usize, shutdown_timeout: Duration) {
    metrics::requests_aborted(requests);
    tracing::warn!(
        requests,
        ?shutdown_timeout,
        "aborted the requests that did not finish within `http.shutdown_timeout`"
    );
}

impl fmt::Debug for RunningServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningServer")
            .field("requests_in_flight", &self.requests_in_flight())
            .finish_non_exhaustive()
    }
}
