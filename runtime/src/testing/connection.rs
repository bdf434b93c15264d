//! Requests to the router of a server, in the newest revision of MCP that it supports.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use axum::{
    Router,
    body::{Body, to_bytes},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use rmcp::model::{ProtocolVersion, TASKS_EXTENSION_ID};
use serde_json::{Map, Value, json};
use tower::ServiceExt;

use super::response::Response;
use crate::{
    audit::{RecordedCall, RecordedCalls},
    auth::Caller,
    operation::{OperationKind, parse_label},
    policy::Explanation,
    registry::{Dispatcher, ListKind, RegisteredOperation},
    server::BuiltServer,
};

const REVISION: ProtocolVersion = ProtocolVersion::V_2026_07_28;

/// Connection to a server in process.
pub(super) struct Connection {
    router: Router,
    host: String,
    path: String,
    dispatcher: Arc<Dispatcher>,
    calls: Arc<RecordedCalls>,
    next_id: AtomicU64,
}

/// Response to a call, with what was recorded about it.
pub(super) struct CallResponse {
    pub(super) response: Response,
    pub(super) records: Vec<RecordedCall>,
}

/// Whether the client of a request supports tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TaskSupport {
    Declared,
    Undeclared,
}

/// An argument to complete.
#[derive(Clone, Copy)]
pub(super) struct Completed<'a> {
    pub(super) kind: OperationKind,
    /// Name of the argument or the variable.
    pub(super) argument: &'a str,
    /// What the user has typed so far.
    pub(super) value: &'a str,
    /// The other arguments that the user has filled in, or null.
    pub(super) filled_in: &'a Value,
}

/// A request, without what all requests have.
struct Request {
    method: &'static str,
    params: Value,
    headers: HeaderMap,
}

impl Connection {
    pub(super) fn new(server: BuiltServer) -> Self {
        let endpoint = server.endpoint().trim_start_matches("http://");
        let (host, path) = endpoint.split_once('/').unwrap_or((endpoint, ""));
        let (host, path) = (host.to_owned(), format!("/{path}"));
        let dispatcher = Arc::clone(server.dispatcher());
        let calls = Arc::new(RecordedCalls::default());
        dispatcher.audit().record_calls_in(Arc::clone(&calls));
        Self { router: server.into_router(), host, path, dispatcher, calls, next_id: AtomicU64::new(1) }
    }

    /// Returns the names, URIs and templates of all operations of a kind.
    pub(super) fn names(&self, kind: OperationKind) -> Vec<&'static str> {
        let operations = self.dispatcher.registry().operations().iter();
        operations.filter(|operation| operation.kind() == kind).map(RegisteredOperation::name).collect()
    }

    /// Returns the entry point to the registered operations and to the audit log.
    #[cfg(feature = "approvals")]
    pub(super) fn dispatcher(&self) -> &Dispatcher {
        &self.dispatcher
    }

    /// Explains a call by `caller`.
    pub(super) async fn explain(
        &self,
        operation: &str,
        caller: &Arc<Caller>,
        arguments: Option<Map<String, Value>>,
    ) -> Explanation {
        let (kind, name) = parse_label(operation);
        self.dispatcher.registry().explain(kind, name, caller, arguments).await
    }

    /// Requests every page of a list. It is empty if the server has no operations of its kind.
    ///
    /// # Errors
    ///
    /// The first response that is not a page.
    pub(super) async fn list(&self, token: &str, list: ListKind) -> Result<Vec<Value>, Response> {
        let member = match list {
            ListKind::Tools => "tools",
            ListKind::Prompts => "prompts",
            ListKind::Resources => "resources",
            ListKind::ResourceTemplates => "resourceTemplates",
        };
        let (mut entries, mut params) = (Vec::new(), json!({}));
        if !self.dispatcher.registry().serves(list) {
            return Ok(entries);
        }
        loop {
            let request = Request { method: list.method(), params, headers: HeaderMap::new() };
            let response = self.send(token, self.next_id(), request, TaskSupport::Undeclared).await;
            let Some((page, cursor)) = response.page(member) else { return Err(response) };
            entries.extend_from_slice(page);
            match cursor {
                Some(cursor) => params = json!({ "cursor": cursor }),
                None => return Ok(entries),
            }
        }
    }

    /// Calls a tool, gets a prompt, or reads a resource. `name` is its name or URI; `input` has the members of a request
    /// that answers questions.
    pub(super) async fn call(
        &self,
        token: &str,
        kind: OperationKind,
        name: &str,
        arguments: &Value,
        input: Map<String, Value>,
        tasks: TaskSupport,
    ) -> CallResponse {
        let mut headers = name_header(name);
        if let (Some(tool), Some(arguments)) =
            (self.dispatcher.registry().get(OperationKind::Tool, name), arguments.as_object())
            && kind == OperationKind::Tool
        {
            mirror_arguments(tool.arguments().schema(), arguments, &mut headers);
        }
        let id = self.next_id();
        let mut params = input;
        let method = match kind {
            OperationKind::Tool => "tools/call",
            OperationKind::Prompt => "prompts/get",
            OperationKind::Resource => "resources/read",
        };
        if kind == OperationKind::Resource {
            params.insert("uri".to_owned(), name.into());
        } else {
            params.extend([("name".to_owned(), name.into()), ("arguments".to_owned(), arguments.clone())]);
        }
        let response = self.send(token, id, Request { method, params: params.into(), headers }, tasks).await;
        CallResponse { response, records: self.take_records(id) }
    }

    /// Requests the completion of an argument of a prompt or a template with this name.
    pub(super) async fn complete(&self, token: &str, name: &str, completed: Completed<'_>) -> CallResponse {
        let Completed { kind, argument, value, filled_in } = completed;
        let reference = match kind {
            OperationKind::Resource => json!({ "type": "ref/resource", "uri": name }),
            _ => json!({ "type": "ref/prompt", "name": name }),
        };
        let mut params = json!({ "ref": reference, "argument": { "name": argument, "value": value } });
        if !filled_in.is_null() {
            params["context"] = json!({ "arguments": filled_in });
        }
        let id = self.next_id();
        let request = Request { method: "completion/complete", params, headers: HeaderMap::new() };
        let response = self.send(token, id, request, TaskSupport::Undeclared).await;
        CallResponse { response, records: self.take_records(id) }
    }

    /// Sends a request about a task, with its ID and these parameters.
    pub(super) async fn task(&self, token: &str, method: &'static str, task: &str, mut params: Value) -> Response {
        params["taskId"] = task.into();
        let request = Request { method, params, headers: name_header(task) };
        self.send(token, self.next_id(), request, TaskSupport::Declared).await
    }

    /// Takes what was recorded about the request with this ID since the last time.
    pub(super) fn take_records(&self, request: u64) -> Vec<RecordedCall> {
        self.calls.take(&request.to_string())
    }

    fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    async fn send(&self, token: &str, id: u64, request: Request, tasks: TaskSupport) -> Response {
        let Request { method, mut params, mut headers } = request;
        let mut capabilities = json!({ "elicitation": { "form": {}, "url": {} }, "sampling": {}, "roots": {} });
        if tasks == TaskSupport::Declared {
            capabilities["extensions"] = json!({ TASKS_EXTENSION_ID: {} });
        }
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": REVISION.as_str(),
            "io.modelcontextprotocol/clientInfo": { "name": "toolgate-testing", "version": env!("CARGO_PKG_VERSION") },
            "io.modelcontextprotocol/clientCapabilities": capabilities,
        });
        let message = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        headers.extend([
            (header::HOST, header_value(&self.host)),
            (header::AUTHORIZATION, header_value(&format!("Bearer {token}"))),
            (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (header::ACCEPT, HeaderValue::from_static("application/json, text/event-stream")),
            (HeaderName::from_static("mcp-protocol-version"), header_value(REVISION.as_str())),
            (HeaderName::from_static("mcp-method"), HeaderValue::from_static(method)),
        ]);
        let request = http::Request::post(&self.path).body(Body::from(message.to_string()));
        let mut request = request.expect("the path is that of a route");
        *request.headers_mut() = headers;
        let Ok(response) = self.router.clone().oneshot(request).await;
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.expect("the body is in memory");
        Response::new(id, parts.status, parts.headers, &body)
    }
}

/// Returns the header with the name of what a request is about (SEP-2243).
fn name_header(name: &str) -> HeaderMap {
    HeaderMap::from_iter([(HeaderName::from_static("mcp-name"), header_value(name))])
}

/// Adds the headers that mirror arguments (SEP-2243).
fn mirror_arguments(schema: &Map<String, Value>, arguments: &Map<String, Value>, headers: &mut HeaderMap) {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
    for (property, schema) in properties {
        let value = match arguments.get(property) {
            Some(Value::String(text)) => text.clone(),
            Some(value @ (Value::Bool(_) | Value::Number(_))) => value.to_string(),
            Some(Value::Object(arguments)) => {
                schema.as_object().inspect(|schema| mirror_arguments(schema, arguments, headers));
                continue;
            }
            _ => continue,
        };
        let header = schema.get("x-mcp-header").and_then(Value::as_str);
        let name = header.and_then(|header| HeaderName::try_from(format!("mcp-param-{header}")).ok());
        if let Some(name) = name {
            headers.insert(name, header_value(&value));
        }
    }
}

/// Encodes a text as the value of a header (SEP-2243).
fn header_value(text: &str) -> HeaderValue {
    let is_plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        && text.trim() == text
        && !(text.starts_with("=?base64?") && text.ends_with("?="));
    let encoded = if is_plain { text.to_owned() } else { format!("=?base64?{}?=", STANDARD.encode(text)) };
    HeaderValue::try_from(encoded).expect("the text is printable ASCII")
}
