//! The request around a tool's call.

use std::{fmt, sync::Arc};

use http::HeaderMap;
use rmcp::{
    RoleServer,
    model::{ClientCapabilities, Implementation, InputResponses, ProgressNotificationParam, ProtocolVersion},
    service::RequestContext,
};
use serde_json::{Map, Value};

use super::{
    RegisteredTool, Registry,
    log::{self, LogLevel},
};
use crate::auth::Caller;

/// The request that a tool answers: progress, logging, cancellation, metadata.
///
/// A tool takes it as `&Context`:
///
/// ```
/// # use toolgate::prelude::*;
/// # pub static SCOPES: Scopes = Scopes::new(&["files:read"]);
/// /// Count the lines of all files.
/// #[tool(scopes = "files:read", read_only)]
/// async fn count_lines(context: &Context) -> String {
///     for file in 0..10_u8 {
///         context.progress(f64::from(file), Some(10.0), None).await;
///     }
///     "many".to_owned()
/// }
/// # fn main() {}
/// ```
pub struct Context {
    caller: Arc<Caller>,
    registry: Arc<Registry>,
    request: RequestContext<RoleServer>,
    headers: HeaderMap,
    answers: InputResponses,
    request_state: Option<String>,
}

impl Context {
    pub(crate) fn new(
        caller: Arc<Caller>,
        registry: Arc<Registry>,
        mut request: RequestContext<RoleServer>,
        answers: Option<InputResponses>,
        request_state: Option<String>,
    ) -> Self {
        // The gate has taken the credentials out before rmcp saw the request.
        let headers = request.extensions.remove::<http::request::Parts>().map(|parts| parts.headers);
        Self {
            caller,
            registry,
            request,
            headers: headers.unwrap_or_default(),
            answers: answers.unwrap_or_default(),
            request_state,
        }
    }

    /// Who calls; the same as a parameter `&Caller`.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The names of the tools that this caller may call: those that `tools/list` shows.
    pub fn tools(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.registry.visible_to(&self.caller).map(RegisteredTool::name)
    }

    /// The JSON-RPC id of the request.
    pub fn request_id(&self) -> String {
        self.request.id.to_string()
    }

    /// The MCP revision of the request, such as `2026-07-28`.
    pub fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.request.protocol_version()
    }

    /// The client's name and version, if it said. Anybody can say anything here: it is for logs, not for policies.
    pub fn client_info(&self) -> Option<Implementation> {
        self.request.client_info()
    }

    /// What the client can do, such as asking its user.
    pub fn client_capabilities(&self) -> Option<ClientCapabilities> {
        self.request.client_capabilities()
    }

    /// The `_meta` of the request.
    pub fn meta(&self) -> &Map<String, Value> {
        &self.request.meta.0
    }

    /// The HTTP headers of the request, without its credentials.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The W3C trace context of the request (`traceparent`), from its `_meta` or else from its headers, to be passed
    /// on to whatever the tool calls.
    pub fn traceparent(&self) -> Option<&str> {
        self.request
            .meta
            .get_traceparent()
            .or_else(|| self.headers.get("traceparent").and_then(|value| value.to_str().ok()))
    }

    /// Tells the client how far the call is, if the client asked for it. `progress` has to grow from call to call.
    pub async fn progress(&self, progress: f64, total: Option<f64>, message: Option<&str>) {
        let Some(token) = self.request.meta.get_progress_token() else {
            return;
        };
        let mut notification = ProgressNotificationParam::new(token, progress);
        notification.total = total;
        notification.message = message.map(str::to_owned);
        if let Err(error) = self.request.peer.notify_progress(notification).await {
            tracing::debug!(%error, "the client did not hear of the progress");
        }
    }

    /// Sends the client a log message, if the client asked for this level or a lower one with this request
    /// (`io.modelcontextprotocol/logLevel`). The server's own log is `tracing`'s business.
    pub async fn log(&self, level: LogLevel, data: impl Into<Value>) {
        log::send(&self.request, level, data.into()).await;
    }

    /// Waits until the client has given up: it cancelled the request, or closed the stream of the response. The body
    /// is dropped then anyway; this is for work that has to be told.
    pub async fn cancelled(&self) {
        self.request.ct.cancelled().await;
    }

    /// Whether the client has given up.
    pub fn is_cancelled(&self) -> bool {
        self.request.ct.is_cancelled()
    }

    /// The client's answer to a question of an earlier round; see [`InputRequired`](super::InputRequired).
    pub fn answer(&self, key: &str) -> Option<&Value> {
        self.answers.get(key)
    }

    /// What [`InputRequired::state`](super::InputRequired::state) gave the client, brought back unchanged, by the same
    /// caller and with the same arguments.
    pub fn request_state(&self) -> Option<&str> {
        self.request_state.as_deref()
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("request_id", &self.request.id)
            .field("caller", &self.caller)
            .finish_non_exhaustive()
    }
}
