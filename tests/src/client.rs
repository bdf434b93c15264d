//! Clients: one that sends what a test wants, well-formed or not, and rmcp's own.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::{Body, RequestBuilder, redirect::Policy};
use rmcp::{
    ClientLifecycleMode, ClientServiceExt, RoleClient,
    model::{ClientConfig, ProtocolVersion},
    service::{ClientInitializeError, RunningService},
    transport::{StreamableHttpClientTransport, streamable_http_client::StreamableHttpClientTransportConfig},
};
use serde_json::{Value, json};

use crate::Reply;

/// A revision of MCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revision {
    /// 2025-11-25, without a session.
    Legacy,
    /// 2026-07-28.
    Modern,
}

impl Revision {
    /// Both that the server speaks.
    pub const BOTH: [Self; 2] = [Self::Legacy, Self::Modern];

    /// As it stands in `MCP-Protocol-Version`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Legacy => "2025-11-25",
            Self::Modern => "2026-07-28",
        }
    }

    /// How rmcp's client starts in this revision.
    pub fn lifecycle(self) -> ClientLifecycleMode {
        match self {
            Self::Legacy => ClientLifecycleMode::Initialize,
            Self::Modern => ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] },
        }
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A client of one endpoint, in one revision, with or without a token.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    endpoint: String,
    authorization: Option<String>,
    revision: Revision,
}

impl Client {
    /// A client without a token.
    pub fn new(endpoint: &str, revision: Revision) -> Self {
        Self { http: http(), endpoint: endpoint.to_owned(), authorization: None, revision }
    }

    /// The same with a token.
    pub fn token(self, token: &str) -> Self {
        self.authorization(&format!("Bearer {token}"))
    }

    /// The same with this `Authorization` header.
    pub fn authorization(mut self, value: &str) -> Self {
        self.authorization = Some(value.to_owned());
        self
    }

    /// A request of JSON-RPC in the client's revision.
    pub fn message(&self, method: &str, mut params: Value) -> Value {
        if self.revision == Revision::Modern {
            params["_meta"]["io.modelcontextprotocol/protocolVersion"] = self.revision.name().into();
            params["_meta"]["io.modelcontextprotocol/clientInfo"] = json!({ "name": "test", "version": "1" });
            params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
        }
        json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })
    }

    /// The request of a call.
    pub fn call_message(&self, tool: &str, arguments: &Value) -> Value {
        self.message("tools/call", json!({ "name": tool, "arguments": arguments }))
    }

    /// A POST with all that the revision asks for, for this body. The headers that repeat the body are those of a
    /// call of `tool`.
    pub fn post(&self, tool: &str, body: impl Into<Body>) -> RequestBuilder {
        let request = self.bare_post(body);
        match self.revision {
            Revision::Legacy => request,
            Revision::Modern => request.header("Mcp-Method", "tools/call").header("Mcp-Name", header_value(tool)),
        }
    }

    /// A POST without the headers that repeat the body.
    pub fn bare_post(&self, body: impl Into<Body>) -> RequestBuilder {
        let request = self
            .http
            .post(&self.endpoint)
            .header("Content-Type", "application/json")
            .header("Accept", "application/json, text/event-stream")
            .header("MCP-Protocol-Version", self.revision.name())
            .body(body);
        match &self.authorization {
            Some(value) => request.header("Authorization", value),
            None => request,
        }
    }

    /// The HTTP request of a message.
    pub fn request(&self, message: &Value) -> RequestBuilder {
        let request = self.bare_post(message.to_string());
        if self.revision == Revision::Legacy {
            return request;
        }
        let request = request.header("Mcp-Method", message["method"].as_str().unwrap_or_default());
        match message["params"]["name"].as_str() {
            Some(name) => request.header("Mcp-Name", header_value(name)),
            None => request,
        }
    }

    /// Sends a message.
    pub async fn send(&self, message: &Value) -> Reply {
        Reply::to(self.request(message)).await
    }

    /// Sends a request.
    pub async fn ask(&self, method: &str, params: Value) -> Reply {
        self.send(&self.message(method, params)).await
    }

    /// `tools/list`.
    pub async fn list(&self) -> Reply {
        self.ask("tools/list", json!({})).await
    }

    /// The names in `tools/list`.
    ///
    /// # Panics
    ///
    /// When there is no list.
    pub async fn tools(&self) -> Vec<String> {
        let reply = self.list().await;
        let tools = reply.result()["tools"].as_array().unwrap_or_else(|| panic!("{reply:?}"));
        tools.iter().filter_map(|tool| tool["name"].as_str().map(str::to_owned)).collect()
    }

    /// `tools/call`.
    pub async fn call(&self, tool: &str, arguments: Value) -> Reply {
        self.send(&self.call_message(tool, &arguments)).await
    }
}

/// An HTTP client that follows no redirect, uses no proxy and speaks no TLS, which makes it quick to make.
///
/// # Panics
///
/// Never: there are no TLS settings that could be wrong.
pub fn http() -> reqwest::Client {
    reqwest::Client::builder()
        .redirect(Policy::none())
        .tls_certs_only([])
        .no_proxy()
        .build()
        .expect("a client without TLS settings can always be made")
}

/// A name as SEP-2243 puts it into a header.
fn header_value(name: &str) -> String {
    let plain = name.bytes().all(|byte| matches!(byte, 0x20..=0x7e)) && name.trim() == name;
    if plain { name.to_owned() } else { format!("=?base64?{}?=", STANDARD.encode(name)) }
}

type McpClient = RunningService<RoleClient, ClientConfig>;

async fn connect(
    endpoint: &str,
    token: Option<&str>,
    revision: Revision,
) -> Result<McpClient, ClientInitializeError> {
    let mut config = StreamableHttpClientTransportConfig::with_uri(endpoint);
    if let Some(token) = token {
        config = config.auth_header(token);
    }
    let transport = StreamableHttpClientTransport::with_client(http(), config);
    ClientConfig::default().serve_with_lifecycle(transport, revision.lifecycle()).await
}

/// rmcp's client, connected.
///
/// # Panics
///
/// When it cannot connect.
pub async fn mcp_client(endpoint: &str, token: &str, revision: Revision) -> McpClient {
    match connect(endpoint, Some(token), revision).await {
        Ok(client) => client,
        Err(error) => panic!("rmcp's client could not connect: {error}"),
    }
}

/// Why rmcp's client could not connect.
///
/// # Panics
///
/// When it could.
pub async fn rejected_mcp_client(endpoint: &str, token: Option<&str>, revision: Revision) -> ClientInitializeError {
    match connect(endpoint, token, revision).await {
        Ok(_) => panic!("rmcp's client connected"),
        Err(error) => error,
    }
}
