//! The routers of a built server: each part by itself, for an app that has other routes, and their merge.
//!
//! A router holds paths that begin with the public path of the server, so that those of several servers can be merged. The
//! paths that do not name the server are in a router of their own.

#[cfg(any(feature = "approvals", feature = "landing-page"))]
use std::sync::Arc;

use axum::Router;

#[cfg(feature = "approvals")]
use super::approvals;
#[cfg(feature = "landing-page")]
use super::landing_page;
use super::{BuiltServer, health, mcp_endpoint::McpEndpoint, well_known};

impl BuiltServer {
    /// Returns the whole server as a router to merge into a larger one: the MCP endpoint behind its gate, the metadata,
    /// `/healthz` and `/readyz`, the pages of approvals, and the routes of the validator, such as a webhook endpoint.
    ///
    /// It is the merge of [`mcp_router`](Self::mcp_router), [`metadata_router`](Self::metadata_router),
    /// [`health_router`](Self::health_router), [`webhook_router`](Self::webhook_router), `approvals_router` and
    /// [`root_router`](Self::root_router). Choose from these if the app has one of their paths, or another server.
    ///
    /// Well-known URLs are at the root of a host, so merge the router or nest it at the root. Let toolgate serve the app
    /// with [`with_app`](Self::with_app), or call [`start`](Self::start) before you serve it yourself.
    pub fn into_router(self) -> Router {
        let router = Router::new()
            .merge(self.mcp_router())
            .merge(self.metadata_router())
            .merge(self.health_router())
            .merge(self.webhook_router())
            .merge(self.root_router());
        #[cfg(feature = "approvals")]
        let router = router.merge(self.approvals_router());
        router
    }

    /// Returns the MCP endpoint behind its gate, at the path of its [URL](Self::endpoint).
    pub fn mcp_router(&self) -> Router {
        self.mcp_endpoint(&[&self.components.base_path]).into_router()
    }

    /// Returns the metadata documents that name this server in their path (RFC 9728, section 3.1; RFC 8414, section 3.1):
    /// `/.well-known/oauth-protected-resource/mcp` for the endpoint `/mcp`. Challenges point to it.
    ///
    /// The documents without a path are in [`root_router`](Self::root_router).
    pub fn metadata_router(&self) -> Router {
        well_known::router(&self.components.documents, &self.metadata_paths())
    }

    /// Returns `/healthz` and `/readyz`. An app with health endpoints of its own leaves it out, and reads
    /// [`RunningServer::unready_reasons`](crate::RunningServer::unready_reasons).
    pub fn health_router(&self) -> Router {
        self.components.health.clone()
    }

    /// Returns the routes of the [validator](crate::TokenValidator::routes), such as the endpoint for webhooks, below the
    /// path of `SERVER_URL`. It is empty if the validator has none.
    pub fn webhook_router(&self) -> Router {
        self.webhook_router_below(&self.components.base_path)
    }

    /// Returns the pages on which a person approves calls, below the path of `SERVER_URL`. It is empty if no tool needs
    /// approvals.
    #[cfg(feature = "approvals")]
    pub fn approvals_router(&self) -> Router {
        self.approvals_router_below(&self.components.base_path)
    }

    /// Returns the page for browsers and its icon, at the path of `SERVER_URL`. It is empty if
    /// [`landing_page`](crate::config::HttpConfig::landing_page) is `false`. [`into_router`](Self::into_router) does not
    /// have it, because an app has a page of its own there.
    #[cfg(feature = "landing-page")]
    pub fn landing_page_router(&self) -> Router {
        self.landing_page_router_below(&self.components.base_path)
    }

    /// Returns the routes whose paths do not name this server. Of several servers in an app, at most one can have it.
    ///
    /// - The metadata documents at the root of the host, for clients that look for them only there.
    /// - If `SERVER_URL` has a path: all other routes without that path, for a proxy that removes it.
    pub fn root_router(&self) -> Router {
        let paths = well_known::Paths::at_root(&self.components.http.endpoint_path).without(&self.metadata_paths());
        let mut router = well_known::router(&self.components.documents, &paths);
        if !self.components.base_path.is_empty() {
            router = router.merge(self.mcp_endpoint(&[""]).into_router()).merge(self.webhook_router_below(""));
            #[cfg(feature = "approvals")]
            {
                router = router.merge(self.approvals_router_below(""));
            }
        }
        router
    }

    /// Returns the MCP endpoint at every path at which [`complete_router`](Self::complete_router) has it.
    pub(crate) fn complete_endpoint(&self) -> McpEndpoint {
        let base = self.components.base_path.as_str();
        if base.is_empty() { self.mcp_endpoint(&[""]) } else { self.mcp_endpoint(&[base, ""]) }
    }

    /// Returns everything that the server serves if it serves itself.
    pub(super) fn complete_router(self) -> Router {
        #[cfg(feature = "landing-page")]
        let landing_page = {
            let page = self.landing_page_router();
            let is_below_path = !self.components.base_path.is_empty();
            if is_below_path { page.merge(self.landing_page_router_below("")) } else { page }
        };
        let router = self.into_router();
        #[cfg(feature = "landing-page")]
        let router = router.merge(landing_page);
        router
    }

    /// Paths that must not depend on clients: health endpoints and the routes of the validator.
    pub(super) fn independent_paths(&self) -> impl Iterator<Item = String> {
        let routes = self.components.routes.iter();
        let routes =
            routes.flat_map(|route| [route.path.to_owned(), format!("{}{}", self.components.base_path, route.path)]);
        [health::ALIVE, health::READY].into_iter().map(str::to_owned).chain(routes)
    }

    /// Paths of the documents that name this server.
    fn metadata_paths(&self) -> well_known::Paths {
        well_known::Paths::of(&self.components.base_path, &self.components.http.endpoint_path)
    }

    fn webhook_router_below(&self, base: &str) -> Router {
        let routes = self.components.routes.iter();
        routes.fold(Router::new(), |router, route| {
            let handler = route.handler.clone();
            #[cfg(feature = "otel")]
            let handler = handler.layer(axum::middleware::from_fn(trace));
            router.route(&format!("{base}{}", route.path), handler)
        })
    }

    #[cfg(feature = "approvals")]
    fn approvals_router_below(&self, base: &str) -> Router {
        let pages = self.components.approvals.as_ref();
        pages.map_or_else(Router::new, |pages| approvals::router(Arc::clone(pages), base))
    }

    #[cfg(feature = "landing-page")]
    fn landing_page_router_below(&self, base: &str) -> Router {
        let Some(page) = &self.components.landing_page else { return Router::new() };
        let routes = self.components.routes.iter().map(|route| route.path);
        let taken: Vec<_> = routes.chain([self.components.http.endpoint_path.as_str()]).collect();
        landing_page::router(Arc::clone(page), Arc::clone(&self.components.gate), &taken, base)
    }

    /// Starts to receive the revocations of the other replicas, unless it was started before.
    #[cfg(feature = "redis")]
    pub(super) fn start_replication(&self) {
        if let Some(replica) = &self.components.replica {
            replica.start(self.components.shutdown.clone());
        }
    }
}

/// Handles a request to a route of the validator in its span.
#[cfg(feature = "otel")]
async fn trace(request: axum::extract::Request, next: axum::middleware::Next) -> axum::response::Response {
    match crate::traces::request(&request) {
        Some(trace) => trace.run(next.run(request)).await,
        None => next.run(request).await,
    }
}
