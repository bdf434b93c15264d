//! A built server, and serving it.

use std::{
    future::Future,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
};

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

#[cfg(feature = "approvals")]
use super::approvals::ApprovalPages;
#[cfg(feature = "landing-page")]
use super::landing_page::LandingPage;
#[cfg(feature = "tls")]
use super::tls::Tls;
use super::{
    RunningServer,
    accept::{self, ConnectionLimits, Drained, ServedRoutes},
    config::{HttpConfig, PreflightMode, SettingValue},
    preflight::Probe,
    running, shutdown_signal,
    startup::RevocationDelay,
    well_known::Documents,
};
#[cfg(feature = "redis")]
use crate::replication::Replica;
use crate::{
    JsonObject,
    auth::{BearerToken, Caller, Claims, Preflight, Revocations, Route},
    connect::{self, ClientSetup},
    error::Error,
    gate::Gate,
    mcp::McpService,
    notifications::Notifications,
    operation::parse_label,
    policy::{Explanation, Policy},
    registry::Registry,
    scope::ScopeIndex,
    tasks::Tasks,
};

/// A server whose configuration is valid; created by [`Server::build`](super::Server::build).
pub struct BuiltServer {
    pub(super) components: Components,
    /// What is served instead of the routes of this server alone.
    app: Option<Router>,
    /// Other servers whose routes the app has.
    others: Vec<BuiltServer>,
}

/// Parts of a built server.
pub(crate) struct Components {
    pub(crate) name: String,
    pub(crate) version: String,
    #[cfg(feature = "console")]
    pub(crate) title: String,
    /// The metadata for the discovery by clients.
    pub(crate) documents: Arc<Documents>,
    /// The page for browsers, if it is enabled.
    #[cfg(feature = "landing-page")]
    pub(crate) landing_page: Option<Arc<LandingPage>>,
    /// The pages of approvals, if a tool needs them.
    #[cfg(feature = "approvals")]
    pub(crate) approvals: Option<Arc<ApprovalPages>>,
    /// The health endpoints.
    pub(crate) health: Router,
    /// The routes of the validator.
    pub(crate) routes: Vec<Route>,
    /// All settings, for the log.
    pub(crate) settings: Vec<SettingValue>,
    #[cfg(all(feature = "logging", unix))]
    pub(crate) log_filter: Option<crate::logging::FilterSource>,
    pub(crate) preflight: PreflightMode,
    pub(crate) revocation_delay: RevocationDelay,
    pub(crate) revocations: Revocations,
    pub(crate) notifications: Notifications,
    pub(crate) probe: Arc<Probe>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) mcp: McpService,
    /// `None` if no tool has tasks.
    pub(crate) tasks: Option<Arc<Tasks>>,
    pub(crate) http: HttpConfig,
    pub(crate) base_path: String,
    pub(crate) resource: String,
    pub(crate) bind: SocketAddr,
    pub(crate) registry: Arc<Registry>,
    pub(crate) policy: Policy,
    pub(crate) index: Arc<ScopeIndex>,
    /// Scopes that every operation requires.
    pub(crate) required_for_all: Vec<&'static str>,
    /// Cancelled when the shutdown begins: requests in flight may finish, but no stream stays open to wait for events.
    pub(crate) stopping: CancellationToken,
    pub(crate) shutdown: CancellationToken,
    /// `None` if the listener has no TLS.
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Arc<Tls>>,
    #[cfg(feature = "redis")]
    pub(crate) replica: Option<Arc<Replica>>,
}

impl BuiltServer {
    pub(crate) fn new(components: Components) -> Self {
        Self { components, app: None, others: Vec::new() }
    }

    /// Returns the URL of the MCP endpoint, which is the resource that tokens must be issued for.
    pub fn endpoint(&self) -> &str {
        &self.components.resource
    }

    /// Returns how to connect each supported MCP client to this server, under a name that derives from the server's name.
    pub fn clients(&self) -> Vec<ClientSetup> {
        connect::clients(&self.components.name, &self.components.resource)
    }

    /// Returns the address that [`serve`](Self::serve) listens on.
    pub fn bind_address(&self) -> SocketAddr {
        self.components.bind
    }

    /// Returns the policy of the server: everything that decides who may call which operation.
    pub fn policy(&self) -> &Policy {
        &self.components.policy
    }

    /// Explains whether a caller with these claims may call an operation, named by its label, rule by rule, with the code
    /// that decides requests.
    /// Without arguments, the conditions of `scopes_if` and the guards are not evaluated.
    ///
    /// ```
    /// # use toolgate::{auth::{Claims, StaticTokens}, prelude::*};
    /// # pub static SCOPES: Scopes = Scopes::new(&["refunds:create", "refunds:approve"]);
    /// /// Refund an order.
    /// #[tool(scopes = "refunds:create", scopes_if(euros > 1000, "refunds:approve"))]
    /// async fn refund(order_id: String, euros: u32) -> String {
    ///     format!("{euros} EUR refunded for {order_id}")
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), toolgate::BuildError> {
    /// let server = Server::new("orders", &SCOPES).auth(StaticTokens::new()).build()?;
    /// let claims = Claims::new().subject("sam").scopes(["refunds:create"]);
    /// let arguments = json!({ "order_id": "o1", "euros": 5000 }).as_object().cloned();
    /// let explanation = server.explain(&claims, "refund", arguments).await;
    /// assert_eq!(
    ///     explanation.to_string(),
    ///     "refund, called by sam with refunds:create\n  \
    ///        allows: scopes refunds:create\n  \
    ///        allows: schema of the arguments\n  \
    ///        REJECTS (the condition holds, and the token lacks refunds:approve): refunds:approve if `euros > 1000`\n\
    ///      rejected: missing refunds:approve of refunds:create and refunds:approve\n"
    /// );
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// The guards run with the server's states; the body does not.
    ///
    /// # Panics
    ///
    /// Never: the token of the caller is valid.
    pub async fn explain(&self, claims: &Claims, operation: &str, arguments: Option<JsonObject>) -> Explanation {
        let token = BearerToken::parse("explain").expect("the token is valid");
        let caller = Arc::new(Caller::of_token(&token, claims, Arc::clone(&self.components.index)));
        let (kind, name) = parse_label(operation);
        self.components.registry.explain(kind, name, &caller, arguments).await
    }

    /// Returns a handle that ends access on this server and its replicas.
    pub fn revocations(&self) -> Revocations {
        self.components.revocations.clone()
    }

    /// Returns the handle that notifies the clients of this server of changes.
    pub fn notifications(&self) -> Notifications {
        self.components.notifications.clone()
    }

    /// Returns the entry point to the registered operations and to the audit log.
    #[cfg(feature = "testing")]
    pub(crate) fn dispatcher(&self) -> &Arc<crate::registry::Dispatcher> {
        &self.components.gate.dispatcher
    }

    /// Checks whether tokens can be validated, whether clients can discover the authorization server, and whether both
    /// know the same scopes. [`serve`](Self::serve) runs this check itself.
    pub async fn preflight(&self) -> Preflight {
        self.components.probe.run().await
    }

    /// Sets the app that [`serve`](Self::serve) and [`serve_on`](Self::serve_on) serve instead of the routes of this
    /// server alone: a router with those of the [routers](Self::into_router) of this server that it needs. The limits on
    /// connections, TLS, and the graceful shutdown then hold for all its routes.
    ///
    /// ```no_run
    /// use axum::{Router, routing::get};
    /// use toolgate::{auth::StaticTokens, prelude::*};
    ///
    /// pub static SCOPES: Scopes = Scopes::new(&["tickets:write"]);
    ///
    /// #[tokio::main]
    /// async fn main() -> Result<(), toolgate::Error> {
    ///     let mcp = Server::new("Tickets", &SCOPES).auth(StaticTokens::new()).build()?;
    ///     let app = Router::new()
    ///         .route("/healthz", get(async || "the app and its database are up"))
    ///         .merge(mcp.mcp_router())
    ///         .merge(mcp.metadata_router())
    ///         .merge(mcp.webhook_router());
    ///     mcp.with_app(app).serve().await
    /// }
    /// ```
    ///
    /// At the start, the server [checks](Self::check_app) the app and logs what clients would miss.
    #[must_use]
    pub fn with_app(mut self, app: Router) -> Self {
        self.app = Some(app);
        self
    }

    /// Adds another server whose routers are part of the [app](Self::with_app), which is empty if it is not set. The other
    /// server starts and shuts down with this one.
    ///
    /// The address, the limits on connections, TLS and [`shutdown_timeout`](HttpConfig::shutdown_timeout) are those of this
    /// server. Only one of the servers can have an address for metrics. The app is that of this server: if the other one has
    /// an app, [`serve`](Self::serve) returns [`Error::AppOfOtherServer`].
    #[must_use]
    pub fn with_server(mut self, mut other: BuiltServer) -> Self {
        self.others.append(&mut other.others);
        self.others.push(other);
        self
    }

    /// Serves until Ctrl-C or SIGTERM and for [`shutdown_delay`](HttpConfig::shutdown_delay) after it, then waits for
    /// requests in flight, for at most [`shutdown_timeout`](HttpConfig::shutdown_timeout).
    ///
    /// # Errors
    ///
    /// The server cannot listen on its address, or the preflight check failed and was
    /// [required](super::Server::require_preflight).
    pub async fn serve(self) -> Result<(), Error> {
        let address = self.components.bind;
        let listener = accept::listen(address).map_err(|source| Error::Listen { address, source })?;
        self.serve_until_signal(listener).await
    }

    /// Serves on a listener until Ctrl-C or SIGTERM. On SIGHUP, the filter of the log is read again.
    pub(super) async fn serve_until_signal(self, listener: TcpListener) -> Result<(), Error> {
        #[cfg(all(feature = "logging", unix))]
        let _reload = self.components.log_filter.clone().and_then(super::hangup::reload_log);
        Box::pin(self.serve_on(listener, shutdown_signal())).await
    }

    /// Serves on a listener until `shutdown` completes, then waits for requests in flight.
    ///
    /// # Errors
    ///
    /// The preflight check failed and was [required](super::Server::require_preflight), or the metrics or the console
    /// cannot be served.
    pub async fn serve_on(
        mut self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), Error> {
        let limits = ConnectionLimits::new(&self.components.http);
        let delay = self.components.http.shutdown_delay;
        #[cfg(feature = "tls")]
        let tls = self.components.tls.clone();
        let others = std::mem::take(&mut self.others);
        if let Some(other) = others.iter().find(|other| other.app.is_some()) {
            return Err(Error::AppOfOtherServer { endpoint: other.components.resource.clone() });
        }
        let mut running = Vec::with_capacity(1 + others.len());
        for server in std::iter::once(&self).chain(&others) {
            running.push(server.start_with(Some(limits.max_connections)).await?);
        }
        let independent = std::iter::once(&self).chain(&others).flat_map(Self::independent_paths).collect();
        // Each server checks the names of its own requests, so any of them may be in a target in absolute form.
        let allowed = others.is_empty().then(|| self.components.gate.origins.clone());
        let (endpoint, router) = match self.app.take() {
            None if others.is_empty() => (Some(self.complete_endpoint()), self.complete_router()),
            app => {
                let app = app.unwrap_or_default();
                for server in std::iter::once(&self).chain(&others) {
                    server.log_app_check(&app).await;
                }
                // The app may have the endpoint behind layers of its own, or not at all.
                (None, app)
            }
        };
        #[cfg(feature = "tls")]
        let _reloading = tls.as_ref().map(Tls::start_reloading);
        let served = ServedRoutes {
            endpoint,
            independent,
            #[cfg(feature = "tls")]
            tls: tls.as_ref().map(|tls| tls.acceptor().clone()),
            ..ServedRoutes::new(router, allowed)
        };
        let shutdown = {
            let (running, is_stopping) = (running.clone(), Arc::clone(&served.is_stopping));
            async move {
                shutdown.await;
                running.iter().for_each(RunningServer::announce_shutdown);
                is_stopping.store(true, Ordering::Relaxed);
                if !delay.is_zero() {
                    tracing::info!(shutdown_delay = ?delay, "unready: still accepting requests for `http.shutdown_delay`");
                    tokio::time::sleep(delay).await;
                }
                running.iter().for_each(RunningServer::begin_shutdown);
            }
        };
        let in_flight = || running.iter().map(RunningServer::requests_in_flight).sum();
        let abort = || running.iter().for_each(RunningServer::abort);
        let drained = accept::serve(listener, served, limits, shutdown, in_flight, abort).await;
        if let Drained::Aborted(requests) = drained {
            running::log_aborted(requests, limits.shutdown_timeout);
        }
        for server in &running {
            server.finish(limits.shutdown_timeout).await;
        }
        Ok(())
    }
}

impl std::fmt::Debug for BuiltServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BuiltServer").field("endpoint", &self.components.resource).finish_non_exhaustive()
    }
}
