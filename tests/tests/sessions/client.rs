//! A client of 2025-11-25 with a session.

use std::collections::VecDeque;

use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use toolgate_tests::{Client, HttpResponse, Revision, TestServer, http_client, send, within_deadline};

/// A session, as its client has it.
#[derive(Clone)]
pub(crate) struct Session {
    client: Client,
    endpoint: String,
    token: String,
    pub(crate) id: String,
}

/// Returns the `initialize` request of a client with these capabilities.
pub(crate) fn initialize(capabilities: &Value) -> Value {
    let params = json!({
        "protocolVersion": "2025-11-25",
        "capabilities": capabilities,
        "clientInfo": { "name": "test", "version": "1" },
    });
    Revision::Legacy.message("initialize", params)
}

/// Sends `initialize`.
pub(crate) async fn try_open(server: &TestServer, token: &str) -> HttpResponse {
    server.client_with(token, Revision::Legacy).send(&initialize(&json!({}))).await
}

impl Session {
    /// Opens a session of a client without capabilities.
    pub(crate) async fn open(server: &TestServer, token: &str) -> Self {
        Self::open_with(server, token, &json!({})).await
    }

    /// Opens a session.
    pub(crate) async fn open_with(server: &TestServer, token: &str, capabilities: &Value) -> Self {
        let client = server.client_with(token, Revision::Legacy);
        let response = client.send(&initialize(capabilities)).await;
        assert!(response.is_success(), "{response:?}");
        let id = response.header("mcp-session-id").to_owned();
        let session = Self { client, endpoint: server.endpoint.clone(), token: token.to_owned(), id };
        assert_eq!(session.notify("notifications/initialized", json!({})).await.status, 202);
        session
    }

    /// Returns the session with another token or another ID.
    pub(crate) fn with(&self, token: &str, id: &str) -> Self {
        let client = self.client.clone().token(token);
        Self { client, token: token.to_owned(), id: id.to_owned(), endpoint: self.endpoint.clone() }
    }

    pub(crate) fn post(&self, message: &Value) -> RequestBuilder {
        self.client.request(message).header("Mcp-Session-Id", &self.id)
    }

    pub(crate) async fn send(&self, message: &Value) -> HttpResponse {
        within_deadline("the response arrives", send(self.post(message))).await
    }

    pub(crate) async fn send_method(&self, method: &str, params: Value) -> HttpResponse {
        self.send(&Revision::Legacy.message(method, params)).await
    }

    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> HttpResponse {
        self.send(&Revision::Legacy.call_message(tool, &arguments)).await
    }

    pub(crate) async fn notify(&self, method: &str, params: Value) -> HttpResponse {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params })).await
    }

    /// Responds to a request of the server.
    pub(crate) async fn respond(&self, request: &Value, result: Value) {
        let response = self.send(&json!({ "jsonrpc": "2.0", "id": request["id"], "result": result })).await;
        assert_eq!(response.status, 202, "{response:?}");
    }

    /// Returns a request without a body.
    pub(crate) fn request(&self, method: Method) -> RequestBuilder {
        http_client()
            .request(method, &self.endpoint)
            .bearer_auth(&self.token)
            .header("Accept", "text/event-stream")
            .header("MCP-Protocol-Version", "2025-11-25")
            .header("Mcp-Session-Id", &self.id)
    }

    /// Opens the standalone stream.
    pub(crate) async fn stream(&self) -> Events {
        Events::of(self.request(Method::GET)).await
    }

    /// Resumes a stream.
    pub(crate) async fn resume(&self, last_event_id: &str) -> Events {
        Events::of(self.request(Method::GET).header("Last-Event-ID", last_event_id)).await
    }

    /// Begins a request whose response is a stream.
    pub(crate) async fn begin(&self, message: &Value) -> Events {
        Events::of(self.post(message)).await
    }

    pub(crate) async fn delete(&self) -> HttpResponse {
        send(self.request(Method::DELETE)).await
    }
}

/// A stream of server-sent events.
pub(crate) struct Events {
    response: Response,
    buffer: String,
    unread: VecDeque<(String, Value)>,
}

impl Events {
    async fn of(request: RequestBuilder) -> Self {
        let response = within_deadline("the stream begins", request.send()).await.expect("a response");
        let content_type = response.headers()["content-type"].to_str().expect("ASCII").to_owned();
        assert!(response.status() == 200 && content_type.starts_with("text/event-stream"), "{response:?}");
        Self { response, buffer: String::new(), unread: VecDeque::new() }
    }

    /// Returns the ID and the message of the next event; the message is null for the event that begins the stream. `None`
    /// if the stream has ended.
    pub(crate) async fn next(&mut self) -> Option<(String, Value)> {
        within_deadline("an event arrives", async {
            loop {
                if let Some(event) = self.unread.pop_front() {
                    return Some(event);
                }
                // An aborted stream has ended, too.
                let chunk = self.response.chunk().await.ok().flatten()?;
                self.buffer.push_str(std::str::from_utf8(&chunk).expect("UTF-8"));
                while let Some((event, rest)) = self.buffer.split_once("\n\n") {
                    let field = |name: &str| {
                        event.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned()
                    };
                    let id = field("id:");
                    let message = serde_json::from_str(&field("data:")).unwrap_or_default();
                    if !id.is_empty() {
                        self.unread.push_back((id, message));
                    }
                    self.buffer = rest.into();
                }
            }
        })
        .await
    }

    /// Returns the next message.
    pub(crate) async fn message(&mut self) -> Value {
        loop {
            let (_, message) = self.next().await.expect("the stream has a message");
            if !message.is_null() {
                return message;
            }
        }
    }

    /// Waits until the stream ends, without another message.
    pub(crate) async fn ended(&mut self) {
        while let Some((_, message)) = self.next().await {
            assert!(message.is_null(), "{message}");
        }
    }
}
