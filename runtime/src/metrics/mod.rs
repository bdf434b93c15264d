//! Metrics of the server, through the [`metrics`] facade.
//!
//! Install a recorder before the server serves; without one, metrics cost almost nothing. With the feature
//! `prometheus`, [`HttpConfig::metrics_address`](crate::config::HttpConfig::metrics_address) installs one and serves
//! its metrics.
//!
//! [`DEFINITIONS`] has the name, the kind, the labels and the description of each metric. The values of every label are a
//! closed set: `tool`, `prompt` and `resource` are those of this server or `unknown`. A caller cannot create label values.

mod definition;
mod definitions;
mod handles;
mod operation;
#[cfg(feature = "prometheus")]
pub(crate) mod prometheus;
mod readiness;

use std::time::Duration;

use ::metrics::{counter, gauge, histogram};

pub use definition::{Definition, Kind, LabelDefinition};
pub use definitions::DEFINITIONS;
#[cfg(feature = "prometheus")]
pub use prometheus::MetricsError;

pub(crate) use definitions::{
    CACHE_LOOKUPS, CONNECTIONS, CONNECTIONS_CLOSED, DECISIONS, IN_FLIGHT, SESSIONS, STREAMS,
};
pub(crate) use handles::{CounterSet, GaugeHandle, HistogramHandle, Label};
pub(crate) use operation::OPERATIONS;
#[cfg(feature = "audit-file")]
pub(crate) use readiness::audit_log_available;
pub(crate) use readiness::{preflight_checked, server_ready};

#[cfg(all(feature = "rates", feature = "redis"))]
use definitions::RATE_FALLBACKS;
#[cfg(feature = "rates")]
pub(crate) use definitions::RATE_LIMITED;
#[cfg(feature = "redis")]
use definitions::REPLICATION_CONNECTED;
#[cfg(feature = "audit-file")]
use definitions::{AUDIT_RECORDS_LOST, AUDIT_WRITE_FAILURES};
use definitions::{
    BUILD_INFO, CIRCUIT_BREAKER_STATE, INTROSPECTION_DURATION, REQUESTS_ABORTED, REVOCATION_LAG, REVOCATIONS, TASKS,
};
#[cfg(feature = "otel")]
use definitions::{SPANS_EXPORTED, SPANS_LOST};

/// Tasks that run or wait for input.
pub(crate) static TASKS_RUNNING: GaugeHandle = GaugeHandle::new(TASKS);

/// Describes each metric to the installed recorder, and creates the counters and histograms whose labels are known with
/// the value 0. The server calls this when it [starts](crate::BuiltServer::start); call it yourself if you serve
/// [`BuiltServer::into_router`](crate::BuiltServer::into_router) without that.
///
/// ```
/// // after installing a recorder
/// toolgate::metrics::describe();
/// ```
pub fn describe() {
    for metric in DEFINITIONS {
        metric.describe();
        metric.begin();
    }
}

/// Result of a lookup in the token cache; the label `result` of `toolgate_token_cache_lookups_total`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lookup {
    Hit,
    Miss,
    Inactive,
    Stale,
}

impl Label for Lookup {
    const COUNT: usize = 4;

    fn index(self) -> usize {
        self as usize
    }

    fn name(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Inactive => "inactive",
            Self::Stale => "stale",
        }
    }
}

/// Connection that was closed because of the limit on connections; the label `reason` of
/// `toolgate_connections_closed_total`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ClosedConnection {
    Idle,
    IncompleteHead,
    UnreadResponse,
    Rejected,
}

impl Label for ClosedConnection {
    const COUNT: usize = 4;

    fn index(self) -> usize {
        self as usize
    }

    fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::IncompleteHead => "incomplete_head",
            Self::UnreadResponse => "unread_response",
            Self::Rejected => "rejected",
        }
    }
}

/// State of the circuit breaker; the value of `toolgate_circuit_breaker_state`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum CircuitBreakerState {
    Closed,
    Probing,
    Open,
}

/// Outcome of an introspection request; the label `outcome` of `toolgate_introspection_duration_seconds`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum IntrospectionOutcome {
    Active,
    Inactive,
    Unavailable,
}

/// Records an introspection request.
pub(crate) fn introspected(outcome: IntrospectionOutcome, duration: Duration) {
    let outcome = match outcome {
        IntrospectionOutcome::Active => "active",
        IntrospectionOutcome::Inactive => "inactive",
        IntrospectionOutcome::Unavailable => "unavailable",
    };
    histogram!(INTROSPECTION_DURATION.name, "outcome" => outcome).record(duration);
}

/// Records the name and the version of the server.
pub(crate) fn build_info(server: &str, version: &str) {
    let labels = [
        ("server", server.to_owned()),
        ("server_version", version.to_owned()),
        ("toolgate_version", env!("CARGO_PKG_VERSION").to_owned()),
    ];
    gauge!(BUILD_INFO.name, &labels).set(1.0);
}

/// Records a change of the circuit breaker.
pub(crate) fn circuit_breaker(state: CircuitBreakerState) {
    gauge!(CIRCUIT_BREAKER_STATE.name).set(match state {
        CircuitBreakerState::Closed => 0.0,
        CircuitBreakerState::Probing => 1.0,
        CircuitBreakerState::Open => 2.0,
    });
}

/// Records a revocation, applied `lag` after the authorization server sent it.
pub(crate) fn revocation_applied(lag: Duration) {
    counter!(REVOCATIONS.name).increment(1);
    histogram!(REVOCATION_LAG.name).record(lag);
}

/// Records requests that were aborted by a shutdown.
pub(crate) fn requests_aborted(requests: usize) {
    counter!(REQUESTS_ABORTED.name).increment(requests as u64);
}

/// Records whether revocations of other replicas are received.
#[cfg(feature = "redis")]
pub(crate) fn replication_connected(connected: bool) {
    gauge!(REPLICATION_CONNECTED.name).set(f64::from(u8::from(connected)));
}

/// Records that a request was counted in memory because Redis did not respond.
#[cfg(all(feature = "rates", feature = "redis"))]
pub(crate) fn rate_fallback() {
    counter!(RATE_FALLBACKS.name).increment(1);
}

/// Records a failed attempt to write the audit file.
#[cfg(feature = "audit-file")]
pub(crate) fn audit_write_failed() {
    counter!(AUDIT_WRITE_FAILURES.name).increment(1);
}

/// Records that audit records were lost.
#[cfg(feature = "audit-file")]
pub(crate) fn audit_records_lost(records: u64) {
    counter!(AUDIT_RECORDS_LOST.name).increment(records);
}

/// Why a span was not exported; the label `reason` of `toolgate_spans_lost_total`.
#[cfg(feature = "otel")]
#[derive(Clone, Copy, Debug)]
pub(crate) enum SpanLoss {
    ExportFailed,
    QueueFull,
    TooMany,
}

/// Records exported spans.
#[cfg(feature = "otel")]
pub(crate) fn spans_exported(spans: u64) {
    counter!(SPANS_EXPORTED.name).increment(spans);
}

/// Records spans that were not exported.
#[cfg(feature = "otel")]
pub(crate) fn spans_lost(loss: SpanLoss, spans: u64) {
    let reason = match loss {
        SpanLoss::ExportFailed => "export_failed",
        SpanLoss::QueueFull => "queue_full",
        SpanLoss::TooMany => "too_many",
    };
    counter!(SPANS_LOST.name, "reason" => reason).increment(spans);
}
