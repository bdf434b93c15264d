//! MCP clients that send what a test asks for, valid or not: over a socket, or in process to a router.

use std::fmt;

use axum::{Router, body::Body as AxumBody, http::Request};
use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::{Body, RequestBuilder, redirect::Policy};
use serde_json::{Value, json};

use crate::{HttpResponse, exchange, send};

/// A revision of MCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revision {
    /// 2025-11-25, without a session.
    Legacy,
    /// 2026-07-28.
    Modern,
}

impl Revision {
    /// The revisions that the server supports.
    pub const BOTH: [Self; 2] = [Self::Legacy, Self::Modern];

    /// Returns the value of `MCP-Protocol-Version`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Legacy => "2025-11-25",
            Self::Modern => "2026-07-28",
        }
    }

    /// Returns the headers of a request in this revision, without those that repeat its body.
    pub const fn headers(self) -> [(&'static str, &'static str); 3] {
        [
            ("Content-Type", "application/json"),
            ("Accept", "application/json, text/event-stream"),
            ("MCP-Protocol-Version", self.name()),
        ]
    }

    /// Returns a JSON-RPC request in this revision, with ID 1.
    pub fn message(self, method: &str, mut params: Value) -> Value {
        if self == Self::Modern {
            params["_meta"]["io.modelcontextprotocol/protocolVersion"] = self.name().into();
            params["_meta"]["io.modelcontextprotocol/clientInfo"] = json!({ "name": "test", "version": "1" });
            params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
        }
        json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })
    }

    /// Returns a `tools/call` request.
    pub fn call_message(self, tool: &str, arguments: &Value) -> Value {
        self.message("tools/call", json!({ "name": tool, "arguments": arguments }))
    }

    /// Returns a `tools/call` request without arguments that asks for progress notifications.
    pub fn progress_message(self, tool: &str) -> Value {
        let mut message = self.call_message(tool, &json!({}));
        message["params"]["_meta"]["progressToken"] = "p".into();
        message
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A client of one endpoint in one revision, with or without a token.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    endpoint: String,
    authorization: Option<String>,
    revision: Revision,
}

impl Client {
    /// Creates a client without a token.
    pub fn new(endpoint: &str, revision: Revision) -> Self {
        Self { http: http_client(), endpoint: endpoint.to_owned(), authorization: None, revision }
    }

    /// Sets the bearer token.
    pub fn token(self, token: &str) -> Self {
        self.authorization(&format!("Bearer {token}"))
    }

    /// Sets the `Authorization` header.
    pub fn authorization(mut self, value: &str) -> Self {
        self.authorization = Some(value.to_owned());
        self
    }

    /// Returns a POST of `body` without the headers that repeat the body.
    pub fn bare_post(&self, body: impl Into<Body>) -> RequestBuilder {
        let mut request = self.http.post(&self.endpoint).body(body);
        for (name, value) in self.revision.headers() {
            request = request.header(name, value);
        }
        match &self.authorization {
            Some(value) => request.header("Authorization", value),
            None => request,
        }
    }

    /// Returns a POST of `body` with the headers of a call of `tool`.
    pub fn post(&self, tool: &str, body: impl Into<Body>) -> RequestBuilder {
        self.with_body_headers(self.bare_post(body), "tools/call", Some(tool))
    }

    /// Returns the HTTP request of a message.
    pub fn request(&self, message: &Value) -> RequestBuilder {
        let method = message["method"].as_str().unwrap_or_default();
        let params = &message["params"];
        // The URI of a resource and the ID of a task are their names in the header (SEP-2243).
        let name = ["name", "uri", "taskId"].iter().find_map(|&member| params[member].as_str());
        self.with_body_headers(self.bare_post(message.to_string()), method, name)
    }

    /// Adds the headers that repeat the body, which revision 2026-07-28 requires.
    fn with_body_headers(&self, request: RequestBuilder, method: &str, name: Option<&str>) -> RequestBuilder {
        if self.revision == Revision::Legacy {
            return request;
        }
        let request = request.header("Mcp-Method", method);
        match name {
            Some(name) => request.header("Mcp-Name", header_value(name)),
            None => request,
        }
    }

    /// Sends a message.
    pub async fn send(&self, message: &Value) -> HttpResponse {
        send(self.request(message)).await
    }

    /// Sends a request of any method.
    pub async fn send_method(&self, method: &str, params: Value) -> HttpResponse {
        self.send(&self.revision.message(method, params)).await
    }

    /// Sends `tools/list`.
    pub async fn list(&self) -> HttpResponse {
        self.send_method("tools/list", json!({})).await
    }

    /// Sends `tools/list` and returns the names of the tools.
    ///
    /// # Panics
    ///
    /// If the response is not a list of tools.
    pub async fn tool_names(&self) -> Vec<String> {
        self.list().await.tool_names()
    }

    /// Sends `tools/call`.
    pub async fn call(&self, tool: &str, arguments: Value) -> HttpResponse {
        self.send(&self.revision.call_message(tool, &arguments)).await
    }
}

/// Creates an HTTP client without redirects, proxies and TLS certificates. Loading certificates takes most of the time
/// that a new client takes.
///
/// # Panics
///
/// Never: there are no TLS settings that could be invalid.
pub fn http_client() -> reqwest::Client {
    let builder = reqwest::Client::builder().redirect(Policy::none()).tls_certs_only([]).no_proxy();
    builder.build().expect("a client without TLS settings is valid")
}

/// Encodes a name as the value of `Mcp-Name` (SEP-2243).
fn header_value(name: &str) -> String {
    let plain = name.bytes().all(|byte| matches!(byte, 0x20..=0x7e)) && name.trim() == name;
    if plain { name.to_owned() } else { format!("=?base64?{}?=", STANDARD.encode(name)) }
}

/// A client in revision 2025-11-25 that sends its requests to a router in process.
#[derive(Clone, Debug)]
pub struct InProcessClient(Router);

impl InProcessClient {
    /// `SERVER_URL` of the router.
    pub const SERVER_URL: &str = "http://127.0.0.1:8000";

    /// Creates a client of the router of a server with [`InProcessClient::SERVER_URL`].
    ///
    /// # Panics
    ///
    /// If the server cannot be built.
    pub fn new(server: toolgate::Server) -> Self {
        let server = server.server_url(Self::SERVER_URL).build().unwrap_or_else(|error| panic!("{error}"));
        Self(server.into_router())
    }

    /// Sends a request of any method.
    ///
    /// # Panics
    ///
    /// If the token cannot be in a header.
    pub async fn send_method(&self, token: &str, method: &str, params: Value) -> HttpResponse {
        let body = Revision::Legacy.message(method, params).to_string();
        let mut request = Request::post(format!("{}/mcp", Self::SERVER_URL))
            .header("Host", Self::SERVER_URL.trim_start_matches("http://"))
            .header("Authorization", format!("Bearer {token}"));
        for (name, value) in Revision::Legacy.headers() {
            request = request.header(name, value);
        }
        exchange(&self.0, request.body(AxumBody::from(body)).expect("the headers are valid")).await
    }

    /// Sends `tools/list`.
    pub async fn list(&self, token: &str) -> HttpResponse {
        self.send_method(token, "tools/list", json!({})).await
    }

    /// Sends `tools/call` without arguments.
    pub async fn call(&self, token: &str, tool: &str) -> HttpResponse {
        self.send_method(token, "tools/call", json!({ "name": tool, "arguments": {} })).await
    }
}
