//! What the other modules call, in a build without the feature `otel`. It does nothing.

#![expect(clippy::unused_self, reason = "the signatures are those of the spans")]

use http::HeaderMap;

use super::Ending;

/// A span that is passed on to another task.
#[derive(Clone, Debug)]
pub(crate) struct Carried;

impl Carried {
    pub(crate) fn current() -> Self {
        Self
    }

    pub(crate) fn run<F: Future>(&self, future: F) -> F {
        future
    }
}

/// Creates the span of a call that can become a task.
pub(crate) fn task(_: Option<&str>) -> Carried {
    Carried
}

/// Returns the context for the other replicas.
#[cfg(feature = "redis")]
pub(crate) fn traceparent() -> Option<String> {
    None
}

/// Applies a message of another replica.
#[cfg(feature = "redis")]
pub(crate) fn receive<T>(_: &'static str, _: Option<&str>, apply: impl FnOnce() -> T) -> T {
    apply()
}

/// A span of a request to another server.
#[derive(Debug)]
pub(crate) struct ClientSpan;

impl ClientSpan {
    pub(crate) fn http(_: &http::Method, _: &url::Url, _: &mut HeaderMap) -> Self {
        Self
    }

    #[cfg(feature = "redis")]
    pub(crate) fn redis(_: &'static str) -> Self {
        Self
    }

    pub(crate) fn run<F: Future>(&self, future: F) -> F {
        future
    }

    pub(crate) fn status(&self, _: http::StatusCode) {}

    pub(crate) fn failed(&self, _: &'static str) {}
}

pub(crate) fn step<F: Future>(_: &'static str, future: F) -> F {
    future
}

pub(crate) fn ended(_: Ending) {}
