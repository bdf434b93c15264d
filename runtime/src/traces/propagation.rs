//! W3C Trace Context: the parent of a request, and the context of requests to others.

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::{
    Context,
    propagation::{Extractor, Injector, TextMapPropagator as _},
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::spans;
use crate::audit::TRACEPARENT;

/// Maximum size of a `tracestate`, in bytes (Trace Context, section 3.3.1.5: at least 512 must be passed on).
const MAX_TRACESTATE: usize = 512;

/// Maximum size of a `traceparent` from another replica, in bytes. That of version 00 has 55; later ones may be longer.
#[cfg(feature = "redis")]
const MAX_TRACEPARENT: usize = 128;

/// Texts of a trace context.
pub(super) struct TraceContext<'a> {
    pub(super) traceparent: &'a str,
    pub(super) tracestate: Option<&'a str>,
}

impl<'a> TraceContext<'a> {
    /// Reads the headers of a request. `None` without exactly one `traceparent`.
    pub(super) fn of_headers(headers: &'a HeaderMap) -> Option<Self> {
        let mut parents = headers.get_all(TRACEPARENT).iter();
        let traceparent = parents.next()?.to_str().ok()?;
        let tracestate = headers.get("tracestate").and_then(|value| value.to_str().ok());
        parents.next().is_none().then_some(Self { traceparent, tracestate })
    }

    /// Returns the remote parent. `None` if the texts are malformed.
    pub(super) fn parent(&self) -> Option<Context> {
        use opentelemetry::trace::TraceContextExt as _;
        let context = TraceContextPropagator::new().extract_with_context(&Context::new(), self);
        context.has_active_span().then_some(context)
    }
}

impl Extractor for TraceContext<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        match key {
            "traceparent" => Some(self.traceparent),
            "tracestate" => self.tracestate.filter(|state| state.len() <= MAX_TRACESTATE),
            _ => None,
        }
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent", "tracestate"]
    }
}

struct Headers<'a>(&'a mut HeaderMap);

impl Injector for Headers<'_> {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(key.as_bytes()), HeaderValue::try_from(value))
            && !value.is_empty()
        {
            self.0.insert(name, value);
        }
    }
}

/// Adds a context to the headers of a request.
pub(super) fn inject_context(context: &Context, headers: &mut HeaderMap) {
    TraceContextPropagator::new().inject_context(context, &mut Headers(headers));
}

/// Adds the context of a span to the headers of a request.
pub(crate) fn inject(span: &Span, headers: &mut HeaderMap) {
    if spans::is_active() && !span.is_none() {
        inject_context(&span.context(), headers);
    }
}

/// Returns the `traceparent` of the current span, for a message to the other replicas. `None` outside of a trace.
#[cfg(feature = "redis")]
pub(crate) fn traceparent() -> Option<String> {
    let mut headers = HeaderMap::new();
    if spans::is_in_trace() {
        inject(&Span::current(), &mut headers);
    }
    headers.get("traceparent").and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// Applies a message of another replica in a span whose parent is the `traceparent` of the message. Without one, there is no
/// span: a replica begins no trace of its own for it.
#[cfg(feature = "redis")]
pub(crate) fn receive<T>(name: &'static str, traceparent: Option<&str>, apply: impl FnOnce() -> T) -> T {
    let traceparent = traceparent.filter(|text| spans::is_active() && text.len() <= MAX_TRACEPARENT);
    let parent = traceparent.and_then(|traceparent| TraceContext { traceparent, tracestate: None }.parent());
    match parent {
        Some(parent) => spans::message_of_replica(name, parent).in_scope(apply),
        None => apply(),
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::TraceContextExt as _;

    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_malformed_or_repeated_context_is_no_parent() {
        for malformed in ["", "00", "00-0-0-01", &PARENT.to_uppercase(), &PARENT.replace("0af", "0zf")] {
            assert!(TraceContext { traceparent: malformed, tracestate: None }.parent().is_none(), "{malformed}");
        }
        let mut headers = HeaderMap::new();
        headers.insert("traceparent", HeaderValue::from_static(PARENT));
        assert!(TraceContext::of_headers(&headers).is_some());
        headers.append("traceparent", HeaderValue::from_static(PARENT));
        assert!(TraceContext::of_headers(&headers).is_none());
    }

    #[test]
    fn a_long_tracestate_is_not_passed_on() {
        let long = format!("a={}", "x".repeat(200)).repeat(3);
        for (tracestate, kept) in [("vendor=1", true), (&*long, false)] {
            let context = TraceContext { traceparent: PARENT, tracestate: Some(tracestate) }.parent().unwrap();
            let mut headers = HeaderMap::new();
            TraceContextPropagator::new().inject_context(&context, &mut Headers(&mut headers));
            assert_eq!(headers["traceparent"], PARENT);
            assert_eq!(headers.contains_key("tracestate"), kept, "{tracestate}");
            assert!(context.span().span_context().is_remote());
        }
    }
}
