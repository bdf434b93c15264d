//! A built server: a router to mount, or a process that listens.

use std::{
    future::Future,
    net::SocketAddr,
    sync::{Arc, OnceLock},
};

use axum::Router;
use tokio::{net::TcpListener, time::Instant};
use tokio_util::sync::CancellationToken;

#[cfg(feature = "console")]
use super::console_endpoint;
#[cfg(feature = "prometheus")]
use super::metrics_endpoint;
use super::{
    accept::{self, ConnectionLimits, Drained, ServedRoutes},
    config::{HttpConfig, PreflightMode, SettingValue, Source},
    cors::BrowserCors,
    preflight::Probe,
    shutdown_signal,
    startup::RevocationDelay,
};
#[cfg(feature = "redis")]
use crate::replication::Replica;
use crate::{
    JsonObject,
    auth::{BearerToken, Caller, Claims, Preflight, Revocations},
    connect::{self, ClientSetup},
    error::Error,
    gate::{Gate, GateService},
    mcp::McpService,
    metrics,
    notifications::Notifications,
    operation::parse_label,
    policy::{Explanation, Policy},
    registry::{ListKind, Registry},
    scope::ScopeIndex,
    tasks::Tasks,
};

/// A server whose configuration is valid; created by [`Server::build`](super::Server::build).
pub struct BuiltServer(Components);

/// Parts of a built server.
pub(crate) struct Components {
    pub(crate) name: String,
    #[cfg(feature = "console")]
    pub(crate) title: String,
    pub(crate) metadata: Router,
    /// The page for browsers, for a server that is not mounted into another one.
    pub(crate) landing_page: Option<Router>,
    /// The pages of approvals, if a tool needs them.
    #[cfg(feature = "approvals")]
    pub(crate) approvals: Option<Router>,
    /// Health endpoints and the routes of the validator.
    pub(crate) operations: Router,
    /// All settings, for the log.
    pub(crate) settings: Vec<SettingValue>,
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
    /// Cancelled when the shutdown begins: requests in flight may finish, but no stream stays open to wait for events.
    pub(crate) stopping: CancellationToken,
    pub(crate) shutdown: CancellationToken,
    #[cfg(feature = "redis")]
    pub(crate) replica: Option<Arc<Replica>>,
}

impl BuiltServer {
    pub(crate) fn new(components: Components) -> Self {
        Self(components)
    }

    /// Returns the URL of the MCP endpoint, which is the resource that tokens must be issued for.
    pub fn endpoint(&self) -> &str {
        &self.0.resource
    }

    /// Returns how to connect each supported MCP client to this server, under a name that derives from the server's name.
    pub fn clients(&self) -> Vec<ClientSetup> {
        connect::clients(&self.0.name, &self.0.resource)
    }

    /// Returns the address that [`serve`](Self::serve) listens on.
    pub fn bind_address(&self) -> SocketAddr {
        self.0.bind
    }

    /// Returns the policy of the server: everything that decides who may call which operation.
    pub fn policy(&self) -> &Policy {
        &self.0.policy
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
        let caller = Arc::new(Caller::of_token(&token, claims, Arc::clone(&self.0.index)));
        let (kind, name) = parse_label(operation);
        self.0.registry.explain(kind, name, &caller, arguments).await
    }

    /// Returns a handle that ends access on this server and its replicas.
    pub fn revocations(&self) -> Revocations {
        self.0.revocations.clone()
    }

    /// Returns the handle that notifies the clients of this server of changes.
    pub fn notifications(&self) -> Notifications {
        self.0.notifications.clone()
    }

    /// Returns the entry point to the registered operations and to the audit log.
    #[cfg(feature = "testing")]
    pub(crate) fn dispatcher(&self) -> &Arc<crate::registry::Dispatcher> {
        &self.0.gate.dispatcher
    }

    /// Returns the server as a router to merge into a larger one: the MCP endpoint behind its gate, the metadata,
    /// `/healthz` and `/readyz`, the pages of approvals, and the routes of the validator, such as a webhook endpoint.
    ///
    /// Well-known URLs are at the root of a host, so merge the router or nest it at the root. The router does not know
    /// when the program shuts down: call [`Notifications::end_subscriptions`] first. Running [tasks](crate::tasks) end
    /// with the process.
    pub fn into_router(self) -> Router {
        #[cfg(feature = "redis")]
        if let Some(replica) = &self.0.replica {
            replica.start(self.0.shutdown.clone());
        }
        #[cfg(feature = "approvals")]
        let metadata = self.0.approvals.into_iter().fold(self.0.metadata, Router::merge);
        #[cfg(not(feature = "approvals"))]
        let metadata = self.0.metadata;
        let Components { operations, gate, mcp, http, base_path, .. } = self.0;
        let service = BrowserCors::new(Arc::clone(&gate), GateService::new(gate, mcp));
        let mut paths = vec![http.endpoint_path.clone()];
        // A proxy may or may not remove the path of SERVER_URL.
        if !base_path.is_empty() {
            paths.push(format!("{base_path}{}", http.endpoint_path));
        }
        let mut router = Router::new();
        for path in paths {
            router = router.route_service(&format!("{path}/"), service.clone()).route_service(&path, service.clone());
        }
        router.merge(metadata).merge(operations)
    }

    /// Checks whether tokens can be validated, whether clients can discover the authorization server, and whether both
    /// know the same scopes. [`serve`](Self::serve) runs this check itself.
    pub async fn preflight(&self) -> Preflight {
        self.0.probe.run().await
    }

    /// Serves until Ctrl-C or SIGTERM, then waits for requests in flight, for at most
    /// [`shutdown_timeout`](HttpConfig::shutdown_timeout).
    ///
    /// # Errors
    ///
    /// The server cannot listen on its address, or the preflight check failed and was
    /// [required](super::Server::require_preflight).
    pub async fn serve(self) -> Result<(), Error> {
        let address = self.0.bind;
        let listener = accept::listen(address).map_err(|source| Error::Listen { address, source })?;
        self.serve_on(listener, shutdown_signal()).await
    }

    /// Serves on a listener until `shutdown` completes, then waits for requests in flight.
    ///
    /// # Errors
    ///
    /// The preflight check failed and was [required](super::Server::require_preflight), or the metrics or the console cannot be served.
    pub async fn serve_on(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), Error> {
        for SettingValue { key, value, source, .. } in &self.0.settings {
            if *source != Source::Default {
                tracing::debug!(setting = key, value = %value, %source, "read a setting");
            }
        }
        let cancel = self.0.shutdown.clone();
        let readiness = Arc::clone(self.0.probe.readiness());
        let preflight = self.0.preflight.start(Arc::clone(&self.0.probe), cancel.clone()).await?;
        self.0.revocation_delay.log();
        let limits = ConnectionLimits::new(&self.0.http);
        let resources = [ListKind::Resources, ListKind::ResourceTemplates];
        let resources: usize = resources.into_iter().map(|list| self.0.registry.list(list).len()).sum();
        tracing::info!(
            endpoint = self.0.resource,
            tools = self.0.registry.list(ListKind::Tools).len(),
            prompts = self.0.registry.list(ListKind::Prompts).len(),
            resources = resources,
            max_connections = limits.max_connections,
            "serving"
        );
        #[cfg(feature = "prometheus")]
        let _metrics = metrics_endpoint::serve(self.0.http.metrics_address).await?;
        #[cfg(feature = "console")]
        let _console = console_endpoint::serve(&self.0).await?;
        metrics::describe();
        metrics::circuit_breaker(metrics::CircuitBreakerState::Closed);
        let allowed = Some(self.0.gate.origins.clone());
        let independent = self.0.operations.clone();
        let gate = Arc::clone(&self.0.gate);
        let (stopping, notifications) = (self.0.stopping.clone(), self.0.notifications.clone());
        let tasks = self.0.tasks.clone();
        let shutdown_at = Arc::new(OnceLock::new());
        let shutdown = {
            let shutdown_at = Arc::clone(&shutdown_at);
            async move {
                shutdown.await;
                readiness.shutting_down();
                stopping.cancel();
                let _ = shutdown_at.set(Instant::now());
                // The drain waits for open streams. Each ends with the result of its request.
                notifications.end_subscriptions();
            }
        };
        let landing_page = self.0.landing_page.clone().unwrap_or_default();
        let served = ServedRoutes { router: self.into_router().merge(landing_page), independent, allowed };
        let drained =
            accept::serve(listener, served, limits, shutdown, || gate.requests_in_flight(), cancel.clone()).await;
        if let Drained::Aborted(requests) = drained {
            metrics::requests_aborted(requests);
            tracing::warn!(
                requests,
                shutdown_timeout = ?limits.shutdown_timeout,
                "aborted the requests that did not finish within `http.shutdown_timeout`"
            );
        }
        if let Some(tasks) = tasks {
            let began_at = shutdown_at.get().copied().unwrap_or_else(Instant::now);
            tasks.shut_down(began_at + limits.shutdown_timeout).await;
        }
        cancel.cancel();
        preflight.abort();
        // The program closes the audit log when this function returns.
        gate.dispatcher.audit().flush();
        Ok(())
    }
}

impl std::fmt::Debug for BuiltServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BuiltServer").field("endpoint", &self.0.resource).finish_non_exhaustive()
    }
}
