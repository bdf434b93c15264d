//! Traces, exported to OpenTelemetry (feature `otel`).
//!
//! [`logging::init`](crate::logging::init) and the command line export traces if `OTEL_EXPORTER_OTLP_ENDPOINT` or
//! `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` is set, by OTLP over HTTP. The standard variables of OpenTelemetry apply:
//!
//! | variable | sets |
//! |---|---|
//! | `OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` | the receiver, such as `http://127.0.0.1:4318` |
//! | `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_EXPORTER_OTLP_TIMEOUT` | headers and time limit of its requests |
//! | `OTEL_TRACES_SAMPLER`, `OTEL_TRACES_SAMPLER_ARG` | which requests are traced: `parentbased_always_on` by default |
//! | `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES` | what the spans say about this process |
//! | `OTEL_BSP_SCHEDULE_DELAY`, `OTEL_BSP_MAX_QUEUE_SIZE` | how long and how many spans wait for their export |
//! | `OTEL_SDK_DISABLED` | `true` disables traces |
//!
//! Each request has a span of the kind server with the [conventions of HTTP], and each MCP message in it one with the
//! [conventions of MCP], such as `tools/call payroll_summary`. The parent of the first is the `traceparent` of the
//! request's headers (W3C Trace Context), that of the second the `traceparent` in `_meta`, or else the first. Their
//! children are the validation of the token, requests to the authorization server and to Redis, guards, and the spans
//! of the program. A call that becomes a task continues in a span of its own in the same trace. Requests to the
//! authorization server, and revocations that go to other replicas, carry the context on.
//!
//! Spans hold no tokens, no arguments and no results. With [`TracesConfig::caller`](crate::config::TracesConfig::caller),
//! they name the user and the organization. Events, such as lines of the log, are not exported.
//!
//! No request waits for an export. If the receiver does not respond, spans are lost and counted in
//! `toolgate_spans_lost_total`, and the log has one line.
//!
//! [conventions of HTTP]: https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server
//! [conventions of MCP]: https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/gen-ai/mcp.md

#[cfg(not(feature = "otel"))]
mod disabled;
#[cfg(feature = "otel")]
mod error;
#[cfg(feature = "otel")]
mod export;
#[cfg(feature = "otel")]
mod head;
#[cfg(feature = "otel")]
mod layer;
#[cfg(feature = "otel")]
mod propagation;
#[cfg(feature = "otel")]
mod sampler;
#[cfg(feature = "otel")]
mod spans;

#[cfg(not(feature = "otel"))]
pub(crate) use disabled::*;
#[cfg(feature = "otel")]
pub use error::TracesError;
#[cfg(feature = "otel")]
pub use layer::{TracesGuard, TracesLayer, layer};
#[cfg(feature = "otel")]
pub(crate) use propagation::inject;
#[cfg(all(feature = "otel", feature = "redis"))]
pub(crate) use propagation::{receive, traceparent};
#[cfg(feature = "otel")]
pub(crate) use spans::*;

/// Target of the spans of this module, which only the layer of OpenTelemetry records.
#[cfg(feature = "otel")]
pub(crate) const TARGET: &str = "toolgate::traces";

/// How an MCP message ended.
#[cfg_attr(not(feature = "otel"), expect(dead_code, reason = "nothing is traced"))]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ending {
    /// Outcome of the call, or reason of the decision.
    pub(crate) outcome: &'static str,
    /// Type of the error, if it is one.
    pub(crate) error: Option<&'static str>,
    /// Code of the JSON-RPC error, if it is known.
    pub(crate) code: Option<i32>,
}
