//! Whether a request is sampled, decided before it has a span: the spans of a request take several thousand instructions,
//! and most requests are not sampled.

use std::cell::Cell;

use opentelemetry::{
    Context, SpanId, TraceId,
    trace::{SpanContext, SpanKind, TraceContextExt as _, TraceFlags},
};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator, SamplingDecision, ShouldSample as _};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::sampler::BoundedSampler;

thread_local! {
    /// Trace whose first span in this process is being started.
    static STARTING: Cell<Option<TraceId>> = const { Cell::new(None) };
}

/// Decision about the trace of a request.
pub(super) enum Head {
    Sampled(TraceId),
    /// Context in which no span is sampled. Requests to others carry it on.
    Dropped(Context),
}

impl Head {
    /// Decides about a request with this parent.
    pub(super) fn decide(sampler: &BoundedSampler, parent: Option<&Context>) -> Self {
        let above = parent.map(|parent| parent.span().span_context().clone());
        let ids = RandomIdGenerator::default();
        let trace = above.as_ref().map_or_else(|| ids.new_trace_id(), SpanContext::trace_id);
        let result = sampler.should_sample(parent, trace, "", &SpanKind::Server, &[], &[]);
        if result.decision == SamplingDecision::RecordAndSample {
            return Self::Sampled(trace);
        }
        let state = above.map(|above| above.trace_state().clone()).unwrap_or_default();
        let dropped = SpanContext::new(trace, ids.new_span_id(), TraceFlags::default(), false, state);
        Self::Dropped(Context::new().with_remote_span_context(dropped))
    }
}

/// Starts the first span of a sampled trace. Its parent has been set.
pub(super) fn start(span: &Span, trace: TraceId) {
    STARTING.set(Some(trace));
    span.context();
    STARTING.set(None);
}

/// Returns whether the first span of this trace is being started, so that it has been decided.
pub(super) fn is_starting(trace: TraceId) -> bool {
    STARTING.get() == Some(trace)
}

/// Random IDs. The first span of a sampled trace gets the ID that was decided about.
#[derive(Debug)]
pub(super) struct TraceIds(RandomIdGenerator);

impl TraceIds {
    pub(super) fn new() -> Self {
        Self(RandomIdGenerator::default())
    }
}

impl IdGenerator for TraceIds {
    fn new_trace_id(&self) -> TraceId {
        STARTING.get().unwrap_or_else(|| self.0.new_trace_id())
    }

    fn new_span_id(&self) -> SpanId {
        self.0.new_span_id()
    }
}
