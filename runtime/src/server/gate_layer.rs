//! The gate as a tower layer, for the routes of an app beside the MCP endpoint.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    body::Body,
    extract::Request,
    response::{IntoResponse, Response},
};
use futures_util::future::BoxFuture;
use tower::{Layer, Service};

use super::{BuiltServer, mount::Requires};
use crate::{
    error::{BuildError, BuildProblem},
    gate::Gate,
    scope::{Requirement, Scope},
};

/// Layer that passes the requests of a route through the gate of a server; see [`BuiltServer::gate_layer`].
#[derive(Clone)]
pub struct GateLayer(Arc<RoutePolicy>);

struct RoutePolicy {
    gate: Arc<Gate>,
    requirement: Requirement,
}

/// A service behind a [`GateLayer`].
#[derive(Clone)]
pub struct Gated<S> {
    policy: Arc<RoutePolicy>,
    inner: S,
}

impl BuiltServer {
    /// Returns a tower layer for routes of your own: their requests need a token of this server with these scopes, and those
    /// of [`require_for_all`](super::Server::require_for_all). A handler behind it takes the [`Caller`](crate::Caller) as a
    /// parameter; without the layer, such a handler does not run.
    ///
    /// ```
    /// use axum::{Router, routing::get};
    /// use toolgate::{auth::{InsufficientScope, StaticTokens}, prelude::*};
    ///
    /// pub static SCOPES: Scopes = Scopes::new(&["tickets:read", "tickets:read:all"]);
    ///
    /// /// Handles `GET /tickets`.
    /// async fn tickets(caller: Caller) -> String {
    ///     format!("the tickets of {}", caller.user_id().unwrap_or("a service account"))
    /// }
    ///
    /// /// Handles `GET /export`, which needs another scope.
    /// async fn export(caller: Caller) -> Result<&'static str, InsufficientScope> {
    ///     caller.require(scope!("tickets:read:all"))?;
    ///     Ok("all tickets")
    /// }
    ///
    /// # fn main() -> Result<(), toolgate::BuildError> {
    /// let mcp = Server::new("Tickets", &SCOPES).auth(StaticTokens::new()).build()?;
    /// let api: Router = Router::new()
    ///     .route("/tickets", get(tickets))
    ///     .route("/export", get(export))
    ///     .route_layer(mcp.gate_layer(scope!("tickets:read"))?);
    /// # let _ = api;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// The steps are those of the MCP endpoint up to its body: `Host` and `Origin`, the token with the token cache and
    /// its revocation, the limits on requests in flight, the audit log, the rate of the caller, and the scopes. So are
    /// the responses: 401 and 403 with the challenge, 429 and 503. The token is removed from the request, so a request
    /// passes one such layer only: name all scopes of a route in its layer. A response with
    /// `Content-Type: text/event-stream` ends when the access of its caller ends. The layer limits neither the body nor
    /// the time of a request.
    ///
    /// Preflight requests of browsers have no token, so a CORS layer belongs outside of this one.
    ///
    /// # Errors
    ///
    /// A scope is not in the scope lists of this server.
    pub fn gate_layer(&self, requires: impl Into<Requires>) -> Result<GateLayer, BuildError> {
        let (all, any) = requires.into().into_scopes();
        let index = &self.components.index;
        let names = |scopes: &[Scope]| scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>();
        let (mut all, any) = (names(&all), names(&any));
        let unknown = all.iter().chain(&any).filter(|scope| index.bit(scope).is_none());
        let problems: Vec<_> = unknown.map(|scope| BuildProblem::UnknownRouteScope(scope)).collect();
        if !problems.is_empty() {
            return Err(BuildError::new(problems));
        }
        all.extend(&self.components.required_for_all);
        let requirement = Requirement::new(index, all, any);
        Ok(GateLayer(Arc::new(RoutePolicy { gate: Arc::clone(&self.components.gate), requirement })))
    }
}

impl<S> Layer<S> for GateLayer {
    type Service = Gated<S>;

    fn layer(&self, inner: S) -> Gated<S> {
        Gated { policy: Arc::clone(&self.0), inner }
    }
}

impl<S> Service<Request> for Gated<S>
where
    S: Service<Request> + Clone + Send + 'static,
    S::Response: IntoResponse,
    S::Error: Send,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<Body>, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let policy = Arc::clone(&self.policy);
        // The clone may not be ready.
        let clone = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, clone);
        Box::pin(async move { policy.gate.handle_route(request, &policy.requirement, inner).await })
    }
}

impl fmt::Debug for GateLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GateLayer").field(&self.0.requirement).finish()
    }
}

impl<S: fmt::Debug> fmt::Debug for Gated<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gated")
            .field("requirement", &self.policy.requirement)
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
