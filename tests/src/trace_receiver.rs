//! A receiver of traces: OTLP over HTTP, decoded by the message types of the OpenTelemetry project.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value},
    trace::v1::{Span, status::StatusCode as SpanStatus},
};
use prost::Message as _;
use tokio::task::JoinHandle;

use crate::TestServer;

/// A running receiver.
#[derive(Debug)]
pub struct TraceReceiver {
    url: String,
    spans: Arc<Mutex<Vec<ReceivedSpan>>>,
    task: JoinHandle<()>,
}

/// A span that was received. IDs are hexadecimal digits.
#[derive(Clone, Debug, Default)]
pub struct ReceivedSpan {
    /// Name of the service, from the resource.
    pub service: String,
    /// Name of the span.
    pub name: String,
    /// Kind, such as `Server`.
    pub kind: String,
    /// ID of the trace.
    pub trace_id: String,
    /// ID of the span.
    pub span_id: String,
    /// Empty for the first span of a trace.
    pub parent_id: String,
    /// Trace IDs and span IDs of the links.
    pub links: Vec<(String, String)>,
    /// Attributes, with their values as text.
    pub attributes: BTreeMap<String, String>,
    /// Number of events.
    pub events: usize,
    /// Whether the status is that of an error.
    pub is_error: bool,
}

impl TraceReceiver {
    /// Starts a receiver on a free port.
    pub async fn start() -> Self {
        let listener = TestServer::listener().await;
        let url = TestServer::url_of(&listener);
        let spans = Arc::default();
        let router = Router::new().route("/v1/traces", post(receive)).with_state(Arc::clone(&spans));
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Self { url, spans, task }
    }

    /// Returns the value of `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the spans that were received so far.
    pub fn spans(&self) -> Vec<ReceivedSpan> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for TraceReceiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl ReceivedSpan {
    fn new(service: &str, span: Span) -> Self {
        Self {
            service: service.to_owned(),
            kind: format!("{:?}", span.kind()),
            is_error: span.status.as_ref().is_some_and(|status| status.code() == SpanStatus::Error),
            name: span.name,
            trace_id: digits(&span.trace_id),
            span_id: digits(&span.span_id),
            parent_id: digits(&span.parent_span_id),
            links: span.links.iter().map(|link| (digits(&link.trace_id), digits(&link.span_id))).collect(),
            attributes: attributes(span.attributes),
            events: span.events.len(),
        }
    }

    /// Returns an attribute, or an empty text.
    pub fn get(&self, attribute: &str) -> &str {
        self.attributes.get(attribute).map_or("", String::as_str)
    }
}

async fn receive(
    State(spans): State<Arc<Mutex<Vec<ReceivedSpan>>>>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, [(&'static str, &'static str); 1]) {
    let is_protobuf = headers.get("content-type").is_some_and(|media_type| media_type == "application/x-protobuf");
    let request = is_protobuf.then(|| ExportTraceServiceRequest::decode(body));
    let Some(Ok(request)) = request else { return (StatusCode::BAD_REQUEST, [("content-type", "text/plain")]) };
    let mut received = spans.lock().unwrap_or_else(PoisonError::into_inner);
    for of_resource in request.resource_spans {
        let resource = attributes(of_resource.resource.map(|resource| resource.attributes).unwrap_or_default());
        let service = resource.get("service.name").map_or("", String::as_str);
        let scopes = of_resource.scope_spans.into_iter();
        received.extend(scopes.flat_map(|scope| scope.spans).map(|span| ReceivedSpan::new(service, span)));
    }
    // An empty `ExportTraceServiceResponse` has no bytes.
    (StatusCode::OK, [("content-type", "application/x-protobuf")])
}

fn attributes(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    attributes.into_iter().map(|attribute| (attribute.key, text(attribute.value))).collect()
}

fn text(value: Option<AnyValue>) -> String {
    match value.and_then(|value| value.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::BoolValue(value)) => value.to_string(),
        value => format!("{value:?}"),
    }
}

fn digits(id: &[u8]) -> String {
    use std::fmt::Write as _;
    id.iter().fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}
