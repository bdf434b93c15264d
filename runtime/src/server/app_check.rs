//! The check of an app: whether it serves a server as the server's clients need it. A middleware of the app can change what
//! clients get, such as a `CorsLayer`, which answers the preflight requests of browsers itself.

use std::net::{Ipv4Addr, SocketAddr};

use axum::{Router, body::Body, extract::ConnectInfo, http::Request, response::Response};
use http::{HeaderMap, HeaderName, Method, StatusCode, header};
use tower::Service as _;
use url::Url;

use super::{BuiltServer, cors::AppCheck};
use crate::{auth::Diagnostic, url::is_loopback};

/// Headers of MCP requests that a browser sends only if the response to its preflight request names them.
const REQUEST_HEADERS: [&str; 7] = [
    "authorization",
    "content-type",
    "last-event-id",
    "mcp-method",
    "mcp-name",
    "mcp-protocol-version",
    "mcp-session-id",
];
/// Origin of a browser client on the same machine, such as MCP Inspector.
const LOCAL_ORIGIN: &str = "http://localhost:6274";
/// Maximum number of allowed origins that are checked.
const MAX_ORIGINS: usize = 4;

impl BuiltServer {
    /// Checks an app that serves the [routers](Self::into_router) of this server. It sends a few requests to the app in
    /// process, and returns what clients would miss: the endpoint, its metadata, the routes of the validator, and, if browsers
    /// of other origins [may send requests](crate::config::HttpConfig::allowed_origins), what CORS has to allow.
    ///
    /// A server that serves the app [itself](Self::with_app) logs the result when it starts.
    ///
    /// ```
    /// use axum::Router;
    /// use toolgate::{auth::StaticTokens, prelude::*};
    ///
    /// pub static SCOPES: Scopes = Scopes::new(&["tickets:write"]);
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), toolgate::BuildError> {
    /// let mcp = Server::new("Tickets", &SCOPES).auth(StaticTokens::new()).build()?;
    /// let app = Router::new().merge(mcp.mcp_router());
    /// let missing = mcp.check_app(&app).await;
    /// assert_eq!(missing[0].code(), "app_metadata");
    /// assert!(mcp.check_app(&app.merge(mcp.metadata_router())).await.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn check_app(&self, app: &Router) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        let endpoint = format!("{}{}", self.components.base_path, self.components.http.endpoint_path);
        let origins = self.browser_origins();
        let url = Url::parse(&self.components.resource).ok();
        let own = url.as_ref().map(|url| url.origin().ascii_serialization()).unwrap_or_default();
        let response = self.request(app, Method::POST, &endpoint, &own, &[]).await;
        if response.extensions().get::<AppCheck>().is_none() {
            let text = format!(
                "the app does not serve the MCP endpoint `{endpoint}` (a request gets {}): merge `mcp_router()` at the root \
                 of the app, without a middleware that answers its requests",
                response.status()
            );
            found.push(Diagnostic::warning("app_endpoint", text));
        }
        found.extend(self.check_metadata(app, &endpoint, &own).await);
        for route in &self.components.routes {
            let path = format!("{}{}", self.components.base_path, route.path);
            // Webhooks take POST requests only, so this one has no effect.
            if self.request(app, Method::HEAD, &path, &own, &[]).await.status() == StatusCode::NOT_FOUND {
                let text = format!(
                    "the app does not serve `{path}`, a route of the token validator: merge `webhook_router()`, unless you \
                     serve it at another path"
                );
                found.push(Diagnostic::warning("app_webhooks", text));
            }
        }
        for origin in &origins {
            found.extend(self.check_cors(app, &endpoint, origin).await);
        }
        found
    }

    /// Logs the result of the check.
    pub(super) async fn log_app_check(&self, app: &Router) {
        for diagnostic in self.check_app(app).await {
            tracing::warn!(endpoint = self.components.resource, code = diagnostic.code(), "{diagnostic}");
        }
    }

    async fn check_metadata(&self, app: &Router, endpoint: &str, origin: &str) -> Option<Diagnostic> {
        let path = format!("/.well-known/oauth-protected-resource{endpoint}");
        let status = self.request(app, Method::HEAD, &path, origin, &[]).await.status();
        (status != StatusCode::OK).then(|| {
            let text = format!(
                "the app does not serve `{path}` (a request gets {status}), by which clients find the authorization server: \
                 merge `metadata_router()` at the root of the app"
            );
            Diagnostic::warning("app_metadata", text)
        })
    }

    /// Checks what a browser would do with the responses for an origin (Fetch, section 3.2).
    async fn check_cors(&self, app: &Router, endpoint: &str, origin: &str) -> Vec<Diagnostic> {
        let preflight_headers = [
            (header::ACCESS_CONTROL_REQUEST_METHOD, "POST".to_owned()),
            (header::ACCESS_CONTROL_REQUEST_HEADERS, REQUEST_HEADERS.join(",")),
        ];
        let preflight = self.request(app, Method::OPTIONS, endpoint, origin, &preflight_headers).await;
        let response = self.request(app, Method::POST, endpoint, origin, &[]).await;
        let allowed = Names::of(preflight.headers(), header::ACCESS_CONTROL_ALLOW_HEADERS);
        let exposed = Names::of(response.headers(), header::ACCESS_CONTROL_EXPOSE_HEADERS);
        let mut problems = Vec::new();
        if !preflight.status().is_success() {
            problems.push(format!("the response to a preflight request has the status {}", preflight.status()));
        } else if !allows_origin(preflight.headers(), origin) || !allows_origin(response.headers(), origin) {
            problems.push("the origin is not allowed".to_owned());
        }
        // A wildcard does not include `Authorization` (Fetch, section 3.2.3).
        let missing = REQUEST_HEADERS.into_iter().filter(|&name| !allowed.has(name, name != "authorization"));
        let missing: Vec<_> = missing.collect();
        if !missing.is_empty() {
            problems.push(format!("requests may not have {}", missing.join(", ")));
        }
        let exposed_names = ["www-authenticate"].into_iter().chain(self.has_sessions().then_some("mcp-session-id"));
        let hidden: Vec<_> = exposed_names.filter(|&name| !exposed.has(name, true)).collect();
        if !hidden.is_empty() {
            problems.push(format!("clients cannot read {}", hidden.join(", ")));
        }
        let diagnostic = |problem| {
            let text = format!(
                "browsers cannot use the MCP endpoint from {origin}: {problem}. A CORS middleware of the app replaces what \
                 toolgate sends: add it to the other routes, before you merge the routers of toolgate"
            );
            Diagnostic::warning("app_cors", text)
        };
        problems.into_iter().map(diagnostic).collect()
    }

    /// Returns the origins of browsers that may send requests. None if only the server's own may.
    fn browser_origins(&self) -> Vec<String> {
        let allowed = &self.components.http.allowed_origins;
        let is_local = Url::parse(&self.components.resource).is_ok_and(|url| is_loopback(&url));
        let local = is_local.then(|| LOCAL_ORIGIN.to_owned());
        allowed.iter().map(|origin| origin.trim_end_matches('/').to_owned()).chain(local).take(MAX_ORIGINS).collect()
    }

    fn has_sessions(&self) -> bool {
        self.components.gate.sessions.is_some()
    }

    /// Sends a request that the MCP endpoint answers without looking at it.
    async fn request(
        &self,
        app: &Router,
        method: Method,
        path: &str,
        origin: &str,
        headers: &[(HeaderName, String)],
    ) -> Response {
        let host = Url::parse(&self.components.resource).map(|url| url.authority().to_owned()).unwrap_or_default();
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, host)
            .header(header::ORIGIN, origin)
            .extension(AppCheck)
            .extension(ConnectInfo(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let Ok(request) = request.body(Body::empty()) else { return Response::new(Body::empty()) };
        let Ok(response) = app.clone().call(request).await;
        response
    }
}

fn allows_origin(headers: &HeaderMap, origin: &str) -> bool {
    headers
        .get(header::ACCESS_CONTROL_ALLOW_ORIGIN)
        .is_some_and(|value| value == "*" || value.as_bytes().eq_ignore_ascii_case(origin.as_bytes()))
}

/// Names of headers in a list.
struct Names(Vec<String>);

impl Names {
    fn of(headers: &HeaderMap, list: HeaderName) -> Self {
        let values = headers.get_all(list).iter().filter_map(|value| value.to_str().ok());
        let names = values.flat_map(|value| value.split(',')).map(|name| name.trim().to_ascii_lowercase());
        Self(names.collect())
    }

    fn has(&self, name: &str, by_wildcard: bool) -> bool {
        self.0.iter().any(|listed| listed == name || by_wildcard && listed == "*")
    }
}
