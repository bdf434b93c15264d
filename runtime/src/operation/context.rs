//! The MCP request of a call, as a body sees it.

use std::{any::Any, fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use http::HeaderMap;
use rmcp::model::{
    ClientCapabilities, ErrorData, Implementation, InputRequest, InputRequiredResult, InputResponses, ProtocolVersion,
};
use serde_json::{Map, Value};
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use super::{Background, InputRound, ask::Questions};
use crate::auth::Caller;

/// The MCP request of a call: questions to the user, progress, log messages, cancellation, headers and metadata.
///
/// A tool, a prompt or a resource takes it as `&Context`:
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
    tools: Arc<dyn VisibleTools>,
    request: Box<dyn ClientRequest>,
    headers: HeaderMap,
    input_responses: InputResponses,
    request_state: Option<String>,
    questions: Questions,
}

/// The MCP request behind a [`Context`]; implemented by the rmcp handler.
#[async_trait]
pub(crate) trait ClientRequest: Send + Sync {
    /// Returns the request for a mounted server, which receives it as rmcp has it.
    fn as_any(&self) -> &dyn Any;

    /// Returns whether the access of the request has neither expired nor been revoked.
    fn is_current(&self) -> bool;

    fn id(&self) -> String;
    fn protocol_version(&self) -> Option<ProtocolVersion>;
    fn client_info(&self) -> Option<Implementation>;
    fn client_capabilities(&self) -> Option<ClientCapabilities>;
    fn meta(&self) -> &Map<String, Value>;

    /// Token that is cancelled when the client cancels the request or closes the response stream.
    fn cancellation(&self) -> &CancellationToken;

    /// Sends progress, if the client asked for it.
    async fn progress(&self, progress: f64, total: Option<f64>, message: Option<&str>);

    /// Sends a log message, if the client asked for this level or a lower one.
    async fn log(&self, level: LogLevel, data: Value);

    /// Returns whether requests can be sent to the client before the response: the request belongs to a session.
    fn peer_requests(&self) -> bool;

    /// Sends a request for input to the client, before the response of the call, and returns the client's result. If the
    /// returned future is dropped, the client is notified that the request is cancelled.
    ///
    /// # Errors
    ///
    /// There is no session, the client did not declare the capability, or it did not respond with a result in time.
    async fn request_input(&self, request: InputRequest) -> Result<Value, InputUnavailable>;

    /// Returns what the call becomes before its body starts, if it continues after the response.
    fn background(&self) -> Option<&dyn Background> {
        None
    }
}

/// Why the client did not provide input during a call.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum InputUnavailable {
    /// The request belongs to no session, or it was cancelled with its session or on its own.
    #[error("the client can only be asked in a session, and the request has none")]
    NoSession,
    /// The client did not declare these capabilities, so it must not be asked.
    #[error("the client did not declare the capability that the request needs")]
    Undeclared(Box<ClientCapabilities>),
    /// The client did not respond within the time limit.
    #[error("the client did not respond within {0:?}")]
    TimedOut(Duration),
    /// The client responded with an error.
    #[error("the client responded with the error {code}: {message}", code = .0.code.0, message = .0.message)]
    Rejected(ErrorData),
}

/// Source of the names of the tools that a caller may call; implemented by the registry.
pub(crate) trait VisibleTools: Send + Sync {
    fn names(&self, caller: &Caller) -> Vec<&'static str>;
}

/// Severity of a log message for the client (RFC 5424, section 6.2.1), from the least to the most urgent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the variants are the severities of the RFC")]
#[allow(clippy::exhaustive_enums, reason = "RFC 5424 defines eight severities")]
pub enum LogLevel {
    Debug,
    Info,
    Notice,
    Warning,
    Error,
    Critical,
    Alert,
    Emergency,
}

impl Context {
    pub(crate) fn new(
        caller: Arc<Caller>,
        tools: Arc<dyn VisibleTools>,
        request: Box<dyn ClientRequest>,
        headers: HeaderMap,
    ) -> Self {
        let input_responses = InputResponses::default();
        let questions = Questions::default();
        Self { caller, tools, request, headers, input_responses, request_state: None, questions }
    }

    pub(super) fn questions(&self) -> &Questions {
        &self.questions
    }

    /// Returns the responses of this round and of those before it.
    pub(super) fn input_responses(&self) -> &InputResponses {
        &self.input_responses
    }

    /// Adds the responses to what the body asked for in the round before, and its state.
    pub(crate) fn with_input(mut self, responses: InputResponses, state: Option<String>) -> Self {
        self.input_responses = responses;
        self.request_state = state;
        self.questions = Questions::default();
        self
    }

    /// Returns what the call becomes before its body starts, if it continues after the response.
    pub(crate) fn background(&self) -> Option<&dyn Background> {
        self.request.background()
    }

    /// Returns the responses that the next round needs, if the call ends with a request for input.
    pub(crate) fn carried_responses(&self) -> InputResponses {
        self.questions.carried(&self.input_responses)
    }

    /// Returns whether the client can be asked for input before the response of the call.
    pub(crate) fn can_request_input(&self) -> bool {
        self.request.peer_requests()
    }

    /// Asks the client for input, one request after the other, and returns the context of the next round.
    ///
    /// # Errors
    ///
    /// The client did not provide one of the inputs.
    pub(crate) async fn request_input(self, input: InputRequiredResult) -> Result<Self, InputUnavailable> {
        let round = InputRound::of(&input).with_responses(self.carried_responses());
        let mut responses = InputResponses::default();
        for (key, request) in input.input_requests.into_iter().flatten() {
            responses.insert(key, self.request.request_input(request).await?);
        }
        let (responses, state) = round.accept(responses);
        Ok(self.with_input(responses, state))
    }

    /// Returns whether the access of the request has neither expired nor been revoked.
    pub(crate) fn is_current(&self) -> bool {
        self.request.is_current()
    }

    pub(crate) fn request(&self) -> &dyn ClientRequest {
        &*self.request
    }

    /// Returns the responses of the client to what was asked for in the round before, and the state of that round.
    pub(crate) fn input(&self) -> (InputResponses, Option<String>) {
        (self.input_responses.clone(), self.request_state.clone())
    }

    /// Returns the caller, as a parameter `&Caller` does.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    pub(crate) fn shared_caller(&self) -> Arc<Caller> {
        Arc::clone(&self.caller)
    }

    /// Returns the names of the tools that this caller may call.
    pub fn tools(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.tools.names(&self.caller).into_iter()
    }

    /// Returns the JSON-RPC id of the request.
    pub fn request_id(&self) -> String {
        self.request.id()
    }

    /// Returns the MCP revision of the request, such as `2026-07-28`.
    pub fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.request.protocol_version()
    }

    /// Returns the client's name and version, if the request or its session has them: since revision 2026-07-28, every
    /// request does. A client can send any text, so use it for logs and not for policies.
    pub fn client_info(&self) -> Option<Implementation> {
        self.request.client_info()
    }

    /// Returns the capabilities that the client declared, such as elicitation: in the request, since revision 2026-07-28, or
    /// when it opened its session.
    pub fn client_capabilities(&self) -> Option<ClientCapabilities> {
        self.request.client_capabilities()
    }

    /// Returns the `_meta` of the request.
    pub fn meta(&self) -> &Map<String, Value> {
        self.request.meta()
    }

    /// Returns the HTTP headers of the request, without credentials: `Authorization`, `Proxy-Authorization` and
    /// `Cookie` are removed.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Returns the W3C trace context (`traceparent`) from the request's `_meta` or from its headers. Pass it on to the
    /// services that the body calls.
    pub fn traceparent(&self) -> Option<&str> {
        let header = || self.headers.get("traceparent").and_then(|value| value.to_str().ok());
        self.meta().get("traceparent").and_then(Value::as_str).or_else(header)
    }

    /// Reports progress to the client, if it asked for progress and accepts a stream (`text/event-stream`). `progress`
    /// must increase with each report. In a [task](crate::tasks), the message, or else the numbers, become its status
    /// message.
    pub async fn progress(&self, progress: f64, total: Option<f64>, message: Option<&str>) {
        self.request.progress(progress, total, message).await;
    }

    /// Sends a log message to the client, if the request asks for this level or a lower one
    /// (`io.modelcontextprotocol/logLevel`; in a session `logging/setLevel`, by default `info`) and the client accepts
    /// a stream (`text/event-stream`), which a [task](crate::tasks) never has. For the server's own log, use `tracing`.
    pub async fn log(&self, level: LogLevel, data: impl Into<Value>) {
        self.request.log(level, data.into()).await;
    }

    /// Waits until the client cancels the request or closes the response stream, or until a [task](crate::tasks) has to
    /// end. The future of the body is dropped then; use this for work that must be stopped explicitly.
    pub async fn cancelled(&self) {
        self.request.cancellation().cancelled().await;
    }

    /// Returns whether the client has cancelled the request or closed the response stream, or a task has to end.
    pub fn is_cancelled(&self) -> bool {
        self.request.cancellation().is_cancelled()
    }

    /// Returns the client's response to a request for input of the round before; see
    /// [`InputRequired`](super::InputRequired).
    ///
    /// The body requested this input in a call with the same caller, operation and arguments, at most one hour ago. `None`
    /// also if the client sent a response that was not requested, or one of another kind. The content of a form can be
    /// any object: its fields are not checked against the schema of the request, as [`ask`](Self::ask) checks them.
    pub fn input_response(&self, key: &str) -> Option<&Value> {
        self.input_responses.get(key)
    }

    /// Returns the state given to [`InputRequired::state`](super::InputRequired::state) in the round before, unchanged
    /// and from the same caller, operation and arguments.
    pub fn request_state(&self) -> Option<&str> {
        self.request_state.as_deref()
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("request_id", &self.request_id())
            .field("caller", &self.caller)
            .finish_non_exhaustive()
    }
}
