//! A minimal MCP client.

use reqwest::StatusCode;
use serde_json::{Value, json};

/// An MCP client with a fixed token.
pub(crate) struct Client {
    http: reqwest::Client,
    url: String,
    token: String,
}

impl Client {
    pub(crate) fn new(url: impl Into<String>, token: impl Into<String>) -> Self {
        Self { http: reqwest::Client::builder().no_proxy().build().unwrap(), url: url.into(), token: token.into() }
    }

    /// Returns the names of the listed tools.
    pub(crate) async fn tools(&self) -> Vec<String> {
        let (status, response) = self.request("tools/list", json!({})).await;
        assert_eq!(status, StatusCode::OK, "{response}");
        let tools = response["result"]["tools"].as_array().unwrap().iter();
        tools.map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
    }

    /// Calls a tool and returns the HTTP status and the JSON-RPC response.
    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> (StatusCode, Value) {
        self.request("tools/call", json!({ "name": tool, "arguments": arguments })).await
    }

    /// Returns the values that complete an argument of a prompt or a variable of a URI template.
    pub(crate) async fn complete(&self, reference: Value, argument: &str, value: &str) -> (StatusCode, Value) {
        let argument = json!({ "name": argument, "value": value });
        let (status, mut response) =
            self.request("completion/complete", json!({ "ref": reference, "argument": argument })).await;
        (status, response["result"]["completion"]["values"].take())
    }

    /// Returns the status of `/readyz`.
    pub(crate) async fn readiness(&self) -> StatusCode {
        let url = self.url.replace("/mcp", "/readyz");
        self.http.get(url).send().await.unwrap().status()
    }

    /// Sends a message, which may be invalid, and returns the HTTP status.
    pub(crate) async fn send(&self, message: &Value) -> StatusCode {
        self.post().json(message).send().await.unwrap().status()
    }

    /// Sends a request to another host and returns the HTTP status.
    pub(crate) async fn send_with_host(&self, host: &str) -> StatusCode {
        self.post().header("host", host).send().await.unwrap().status()
    }

    fn post(&self) -> reqwest::RequestBuilder {
        self.http
            .post(&self.url)
            .bearer_auth(&self.token)
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2025-11-25")
    }

    async fn request(&self, method: &str, params: Value) -> (StatusCode, Value) {
        let response = self
            .post()
            .json(&json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }))
            .send()
            .await
            .unwrap();
        (response.status(), response.json().await.unwrap())
    }
}
