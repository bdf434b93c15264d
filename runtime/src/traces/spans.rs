//! The spans.

use std::sync::OnceLock;

use futures_util::{FutureExt as _, future::Either};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use opentelemetry::{
    Context,
    context::{FutureExt as _, WithContext},
    trace::{Status, TraceContextExt as _},
};
use serde::Deserialize;
use tracing::{Instrument as _, Span, field::Empty, instrument::Instrumented};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::{
    Ending,
    head::{self, Head},
    inject,
    propagation::{TraceContext, inject_context},
    sampler::BoundedSampler,
};
use crate::{audit::mentions_trace, operation_kind::OperationKind};

/// Methods of MCP that name a span. Others are a client's text.
const METHODS: [&str; 21] = [
    "completion/complete",
    "initialize",
    "logging/setLevel",
    "notifications/cancelled",
    "notifications/initialized",
    "notifications/progress",
    "ping",
    "prompts/get",
    "prompts/list",
    "resources/list",
    "resources/read",
    "resources/subscribe",
    "resources/templates/list",
    "resources/unsubscribe",
    "server/discover",
    "subscriptions/listen",
    "tasks/cancel",
    "tasks/get",
    "tasks/update",
    "tools/call",
    "tools/list",
];
/// Method, or name of a span, for everything else.
const OTHER: &str = "_OTHER";

/// Name by which the spans of messages are recognized.
const MESSAGE: &str = "message";

/// Name by which the spans of calls that can become tasks are recognized.
const TASK: &str = "task";

/// Settings of the spans; set once spans are exported.
static ACTIVE: OnceLock<Active> = OnceLock::new();

struct Active {
    names_caller: bool,
    sampler: BoundedSampler,
}

/// Creates spans from now on.
pub(super) fn activate(names_caller: bool, sampler: BoundedSampler) {
    let _ = ACTIVE.set(Active { names_caller, sampler });
}

pub(super) fn is_active() -> bool {
    ACTIVE.get().is_some()
}

/// What traces an HTTP request.
pub(crate) enum RequestTrace {
    Sampled(Span),
    Dropped(Context),
}

impl RequestTrace {
    /// Runs a request, and records the status of its response. The future is not much larger than that of the request, unlike
    /// that of an `async fn`, which has space for its argument twice.
    pub(crate) fn run<B>(self, response: impl Future<Output = Response<B>>) -> impl Future<Output = Response<B>> {
        match self {
            Self::Sampled(span) => {
                let of_request = span.clone();
                let response = response.inspect(move |response| responded(&of_request, response.status()));
                Either::Left(response.instrument(span))
            }
            Self::Dropped(context) => Either::Right(response.with_context(context)),
        }
    }
}

/// Begins the trace of an HTTP request. `None` while nothing is exported.
pub(crate) fn request<B>(request: &Request<B>) -> Option<RequestTrace> {
    let active = ACTIVE.get()?;
    let parent = TraceContext::of_headers(request.headers()).and_then(|context| context.parent());
    // Without a remote parent, it may be a part of what an app traces.
    let parent =
        parent.or_else(|| Some(Context::current()).filter(|current| current.span().span_context().is_valid()));
    let trace = match Head::decide(&active.sampler, parent.as_ref()) {
        Head::Sampled(trace) => trace,
        Head::Dropped(context) => return Some(RequestTrace::Dropped(context)),
    };
    let method = match *request.method() {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        _ => OTHER,
    };
    // The server has few routes, and this is the path of one.
    let route = request.uri().path();
    let span = tracing::info_span!(
        target: super::TARGET,
        "request",
        otel.name = format!("{} {route}", if method == OTHER { "HTTP" } else { method }),
        otel.kind = "server",
        http.request.method = method,
        http.route = route,
        http.response.status_code = Empty,
        error.type = Empty,
        otel.status_code = Empty,
    );
    if let Some(parent) = parent {
        let _ = span.set_parent(parent);
    }
    head::start(&span, trace);
    Some(RequestTrace::Sampled(span))
}

/// Records the status of the response to a request.
fn responded(span: &Span, status: StatusCode) {
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.record("error.type", status.as_str());
        span.record("otel.status_code", "ERROR");
    }
}

/// An MCP message in a request.
pub(crate) struct MessageInfo<'a> {
    pub(crate) method: Option<&'a str>,
    /// ID of the request, as plain text.
    pub(crate) id: Option<&'a str>,
    /// Kind and name of the operation, if it exists: for a resource, its URI or its template.
    pub(crate) operation: Option<(OperationKind, &'a str)>,
    /// `_meta`, as JSON.
    pub(crate) meta: Option<&'a str>,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) user: Option<&'a str>,
    pub(crate) organization: Option<&'a str>,
}

/// Creates the span of an MCP message, in the current span of its HTTP request. `None` while nothing is exported, and for a
/// message without a parent of its own in a request that is not sampled.
pub(crate) fn message(message: &MessageInfo<'_>) -> Option<Span> {
    let names_caller = ACTIVE.get()?.names_caller;
    let parent = message.meta.and_then(parent_in);
    if parent.is_none() && is_dropped() {
        return None;
    }
    let method = METHODS.into_iter().find(|known| message.method == Some(known)).unwrap_or(OTHER);
    let name = |kind| message.operation.and_then(|(found, name)| (found == kind).then_some(name));
    let (tool, prompt) = (name(OperationKind::Tool), name(OperationKind::Prompt));
    let header = |name| message.headers.get(name).and_then(|value| value.to_str().ok());
    let span = tracing::info_span!(
        target: super::TARGET,
        MESSAGE,
        otel.name = tool.or(prompt).map_or_else(|| method.to_owned(), |name| format!("{method} {name}")),
        otel.kind = "server",
        mcp.method.name = method,
        mcp.protocol.version = header("mcp-protocol-version"),
        mcp.session.id = header("mcp-session-id").filter(|id| id.len() <= 256),
        mcp.resource.uri = name(OperationKind::Resource),
        jsonrpc.request.id = message.id,
        gen_ai.tool.name = tool,
        gen_ai.operation.name = tool.map(|_| "execute_tool"),
        gen_ai.prompt.name = prompt,
        network.transport = "tcp",
        network.protocol.name = "http",
        user.id = message.user.filter(|_| names_caller),
        toolgate.organization.id = message.organization.filter(|_| names_caller),
    );
    if let Some(parent) = parent {
        // The conventions of MCP: the context of the transport is linked.
        let http = Context::current().span().span_context().clone();
        let _ = span.set_parent(parent);
        span.add_link(http);
    }
    Some(span)
}

/// Returns the parent that `_meta` names.
fn parent_in(meta: &str) -> Option<opentelemetry::Context> {
    #[derive(Deserialize)]
    struct Meta<'m> {
        #[serde(borrow)]
        traceparent: Option<&'m str>,
        #[serde(borrow)]
        tracestate: Option<&'m str>,
    }
    if !mentions_trace(meta) {
        return None;
    }
    let Meta { traceparent, tracestate } = serde_json::from_str(meta).ok()?;
    TraceContext { traceparent: traceparent?, tracestate }.parent()
}

/// Returns the trace ID of a span that is exported, as 32 hexadecimal digits.
pub(crate) fn trace_id(span: &Span) -> Option<[u8; 32]> {
    let context = span.context();
    let span = context.span();
    let context = span.span_context();
    context.is_sampled().then(|| context.trace_id().to_string().as_bytes().try_into().ok())?
}

/// Records on the current span how its message or its request ended.
pub(crate) fn ended(ending: Ending) {
    if !is_active() || is_dropped() {
        return;
    }
    let span = Span::current();
    span.set_attribute("toolgate.outcome", ending.outcome);
    // A request that is rejected before its message has been read is not a failed message. Its span has the HTTP status.
    if span.metadata().is_none_or(|metadata| ![MESSAGE, TASK].contains(&metadata.name())) {
        return;
    }
    if let Some(code) = ending.code {
        span.set_attribute("rpc.response.status_code", code.to_string());
    }
    if let Some(error) = ending.error {
        span.set_attribute("error.type", error);
        span.set_status(Status::error(ending.outcome));
    }
}

/// Runs a part of a request in a span of its own, if the request has one.
pub(crate) fn step<F: Future>(name: &'static str, future: F) -> Instrumented<F> {
    future.instrument(if is_in_trace() {
        tracing::info_span!(target: super::TARGET, "step", otel.name = name)
    } else {
        Span::none()
    })
}

/// A trace that is passed on to another task.
#[derive(Clone, Debug)]
pub(crate) struct Carried {
    span: Span,
    /// `None` if the span has the context.
    dropped: Option<Context>,
}

impl Carried {
    /// Returns the current trace.
    pub(crate) fn current() -> Self {
        let span = if is_active() { Span::current() } else { Span::none() };
        Self { span, dropped: is_dropped().then(Context::current) }
    }

    /// Runs a future in the trace.
    pub(crate) fn run<F: Future>(&self, future: F) -> Either<Instrumented<F>, WithContext<Instrumented<F>>> {
        let future = future.instrument(self.span.clone());
        match &self.dropped {
            None => Either::Left(future),
            Some(context) => Either::Right(future.with_context(context.clone())),
        }
    }
}

/// Creates the span of a call that can become a task: a child of the current message's span, which ends before it. `tool` is
/// the name of a tool of this server.
pub(crate) fn task(tool: Option<&str>) -> Carried {
    if !is_in_trace() {
        return Carried { span: Span::none(), dropped: is_dropped().then(Context::current) };
    }
    let span = tracing::info_span!(
        target: super::TARGET,
        TASK,
        otel.name = tool.map_or_else(|| "execute_tool".to_owned(), |tool| format!("execute_tool {tool}")),
        otel.kind = "internal",
        gen_ai.operation.name = "execute_tool",
        gen_ai.tool.name = tool,
    );
    Carried { span, dropped: None }
}

/// Creates the span in which a message of another replica is applied.
#[cfg(feature = "redis")]
pub(super) fn message_of_replica(name: &'static str, parent: opentelemetry::Context) -> Span {
    let span = tracing::info_span!(
        target: super::TARGET,
        "replica",
        otel.name = name,
        otel.kind = "consumer",
        db.system.name = "redis",
    );
    let _ = span.set_parent(parent);
    span
}

/// A span of a request to another server, if it is made for a request that has a span.
#[derive(Debug)]
pub(crate) struct ClientSpan(Span);

impl ClientSpan {
    /// Creates the span of an HTTP request, and adds its context to the headers.
    pub(crate) fn http(method: &Method, url: &url::Url, headers: &mut HeaderMap) -> Self {
        if !is_in_trace() {
            if is_dropped() {
                inject_context(&Context::current(), headers);
            }
            return Self(Span::none());
        }
        let span = tracing::info_span!(
            target: super::TARGET,
            "http",
            otel.name = method.as_str(),
            otel.kind = "client",
            http.request.method = method.as_str(),
            server.address = url.host_str(),
            server.port = url.port_or_known_default(),
            // Without user information and query, which may hold secrets.
            url.full = format!("{}{}", url.origin().ascii_serialization(), url.path()),
            http.response.status_code = Empty,
            error.type = Empty,
            otel.status_code = Empty,
        );
        inject(&span, headers);
        Self(span)
    }

    /// Creates the span of a command.
    #[cfg(feature = "redis")]
    pub(crate) fn redis(command: &'static str) -> Self {
        Self(if is_in_trace() {
            tracing::info_span!(
                target: super::TARGET,
                "redis",
                otel.name = command,
                otel.kind = "client",
                db.system.name = "redis",
                db.operation.name = command,
                error.type = Empty,
                otel.status_code = Empty,
            )
        } else {
            Span::none()
        })
    }

    /// Runs the request in its span.
    pub(crate) fn run<F: Future>(&self, future: F) -> Instrumented<F> {
        future.instrument(self.0.clone())
    }

    /// Records the status of the response.
    pub(crate) fn status(&self, status: StatusCode) {
        self.0.record("http.response.status_code", status.as_u16());
        if status.is_client_error() || status.is_server_error() {
            self.failed(if status.is_server_error() { "server_error" } else { "client_error" });
        }
    }

    /// Records that there was no response.
    pub(crate) fn failed(&self, error: &'static str) {
        self.0.record("error.type", error);
        self.0.record("otel.status_code", "ERROR");
    }
}

/// Returns whether the current task works for a request that has a span.
pub(super) fn is_in_trace() -> bool {
    is_active() && !is_dropped() && !Span::current().is_none()
}

/// Returns whether the current task works for a request that is not sampled.
fn is_dropped() -> bool {
    is_active()
        && Context::map_current(|context| {
            let span = context.span();
            let context = span.span_context();
            context.is_valid() && !context.is_sampled()
        })
}
