//! The MCP endpoint: its service, and the paths at which it is served.

use std::convert::Infallible;

use axum::{Router, body::Body};
use http::{Request, Response};
use tower::Service as _;

use super::{BuiltServer, cors::BrowserCors};
use crate::{gate::GateService, mcp::McpService};

/// The MCP endpoint of a server at its paths.
///
/// A server that serves itself passes requests for these paths to the endpoint before it asks axum's router, which has the
/// same service at the same paths. The router takes more instructions for a request than the decision about it.
#[derive(Clone)]
pub(crate) struct McpEndpoint {
    /// Without the paths that end with `/`, which are served, too.
    paths: Vec<String>,
    service: BrowserCors<GateService<McpService>>,
}

impl BuiltServer {
    /// Returns the MCP endpoint at its path below each of these paths.
    pub(super) fn mcp_endpoint(&self, bases: &[&str]) -> McpEndpoint {
        #[cfg(feature = "redis")]
        self.start_replication();
        let gate = &self.components.gate;
        let paths = bases.iter().map(|base| format!("{base}{}", self.components.http.endpoint_path)).collect();
        let service = BrowserCors::new(gate.clone(), GateService::new(gate.clone(), self.components.mcp.clone()));
        McpEndpoint { paths, service }
    }
}

impl McpEndpoint {
    /// Returns whether the endpoint is served at a path.
    pub(super) fn is_at(&self, path: &str) -> bool {
        self.paths.iter().any(|own| path.strip_prefix(own.as_str()).is_some_and(|rest| matches!(rest, "" | "/")))
    }

    /// Responds to a request at one of the paths.
    pub(crate) fn respond(
        &self,
        request: Request<Body>,
    ) -> impl Future<Output = Result<Response<Body>, Infallible>> + Send + use<> {
        self.service.clone().call(request)
    }

    /// Returns the routes of the endpoint.
    pub(super) fn into_router(self) -> Router {
        self.paths.iter().fold(Router::new(), |router, path| {
            router.route_service(&format!("{path}/"), self.service.clone()).route_service(path, self.service.clone())
        })
    }
}
