//! Sampler that bounds how many traces begin at this server.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use opentelemetry::{
    Context, KeyValue,
    trace::{Link, SpanContext, SpanKind, SpanRef, TraceContextExt as _, TraceId},
};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample};

use super::head;
use crate::metrics;

/// Sampler with a bound. Without it, a client could have all of its requests traced: a sampler that is based on the parent
/// trusts the `traceparent` of a request, which is read before the caller is known.
#[derive(Clone, Debug)]
pub(super) struct BoundedSampler {
    sampler: Box<dyn ShouldSample>,
    max_per_second: u32,
    second: Arc<Mutex<Second>>,
}

/// The current second, and the number of traces that have begun in it.
#[derive(Debug)]
struct Second {
    began_at: Instant,
    traces: u32,
}

impl BoundedSampler {
    pub(super) fn new(sampler: Box<dyn ShouldSample>, max_per_second: u32) -> Self {
        let second = Arc::new(Mutex::new(Second { began_at: Instant::now(), traces: 0 }));
        Self { sampler, max_per_second, second }
    }

    /// Counts a trace. Returns whether it is within the bound.
    fn admit(&self, now: Instant) -> bool {
        let mut second = self.second.lock().unwrap_or_else(PoisonError::into_inner);
        if now.duration_since(second.began_at) >= Duration::from_secs(1) {
            *second = Second { began_at: now, traces: 0 };
        }
        let is_within = second.traces < self.max_per_second;
        second.traces += u32::from(is_within);
        is_within
    }
}

impl ShouldSample for BoundedSampler {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        if head::is_starting(trace_id) {
            return SamplingResult {
                decision: SamplingDecision::RecordAndSample,
                attributes: Vec::new(),
                trace_state: parent
                    .map(|parent| parent.span().span_context().trace_state().clone())
                    .unwrap_or_default(),
            };
        }
        let parent_span = parent.map(Context::span);
        let parent_span = parent_span.as_ref().map(SpanRef::span_context).filter(|span| span.is_valid());
        let begins_here = parent_span.is_none_or(SpanContext::is_remote);
        let mut result = self.sampler.should_sample(parent, trace_id, name, kind, attributes, links);
        // A sampler that does not look at the parent would sample the children of a span that was dropped.
        if !begins_here && parent_span.is_some_and(|span| !span.is_sampled()) {
            result.decision = SamplingDecision::Drop;
        }
        if begins_here && result.decision == SamplingDecision::RecordAndSample && !self.admit(Instant::now()) {
            result.decision = SamplingDecision::Drop;
            metrics::spans_lost(metrics::SpanLoss::TooMany, 1);
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{SpanId, TraceFlags, TraceState};
    use opentelemetry_sdk::trace::Sampler;

    use super::*;

    #[test]
    fn a_second_has_a_bounded_number_of_traces() {
        let sampler = BoundedSampler::new(Box::new(Sampler::AlwaysOn), 3);
        let now = Instant::now();
        let admitted = |now, count: usize| (0..count).filter(|_| sampler.admit(now)).count();
        assert_eq!(admitted(now, 1000), 3);
        assert_eq!(admitted(now + Duration::from_millis(900), 10), 0);
        assert_eq!(admitted(now + Duration::from_secs(2), 10), 3);
    }

    #[test]
    fn strangers_cannot_have_all_of_their_requests_traced() {
        let parent_based = Sampler::ParentBased(Box::new(Sampler::AlwaysOff));
        let sampler = BoundedSampler::new(Box::new(parent_based), 5);
        let is_sampled = |is_remote| samples(&sampler, TraceFlags::SAMPLED, is_remote);
        assert!((0..1000).filter(|_| is_sampled(true)).count() <= 10, "the second may have changed once");
        assert!((0..1000).all(|_| is_sampled(false)), "the children of a sampled span are sampled");
    }

    #[test]
    fn the_children_of_a_dropped_span_are_dropped_whatever_the_sampler_is() {
        for sampler in [Sampler::AlwaysOn, Sampler::TraceIdRatioBased(1.0)] {
            let sampler = BoundedSampler::new(Box::new(sampler), 5);
            assert!((0..1000).all(|_| !samples(&sampler, TraceFlags::default(), false)));
        }
    }

    /// Returns whether a span with this parent is sampled.
    fn samples(sampler: &BoundedSampler, flags: TraceFlags, is_remote: bool) -> bool {
        let (trace, span) = (TraceId::from(7_u128), SpanId::from(7_u64));
        let parent = SpanContext::new(trace, span, flags, is_remote, TraceState::default());
        let parent = Context::new().with_remote_span_context(parent);
        let result = sampler.should_sample(Some(&parent), trace, "", &SpanKind::Server, &[], &[]);
        result.decision == SamplingDecision::RecordAndSample
    }
}
