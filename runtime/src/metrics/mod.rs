//! Metrics of the server, through the [`metrics`] facade.
//!
//! Install a recorder before the server serves; without one, metrics cost almost nothing. With the feature
//! `prometheus`, [`HttpConfig::metrics_address`](crate::config::HttpConfig::metrics_address) installs one and serves
//! its metrics.
//!
//! | name | type | labels | meaning |
//! |---|---|---|---|
//! | `toolgate_calls_total` | counter | `tool`, `outcome` | tool calls, by outcome |
//! | `toolgate_call_duration_seconds` | histogram | `tool` | time from the arrival of the request to the tool's result |
//! | `toolgate_prompts_total`, `toolgate_prompt_duration_seconds` | counter, histogram | `prompt`, `outcome` | the same for prompts |
//! | `toolgate_resource_reads_total`, `toolgate_resource_read_duration_seconds` | counter, histogram | `resource`, `outcome` | the same for resources; the label is a URI or a URI template of the server |
//! | `toolgate_decisions_total` | counter | `reason` | decisions of the gate, by reason |
//! | `toolgate_rate_limited_total` | counter | `limit` | requests that were rejected because they were beyond a rate: `caller`, `role`, `operation`, `operation_total` |
//! | `toolgate_rate_fallbacks_total` | counter | | with replication: requests that were counted in memory because Redis did not respond |
//! | `toolgate_requests_in_flight` | gauge | | requests to the MCP endpoint that are in flight |
//! | `toolgate_sessions` | gauge | | open sessions |
//! | `toolgate_streams` | gauge | | open streams of notifications |
//! | `toolgate_tasks_running` | gauge | | [tasks](crate::tasks) that run or wait for input |
//! | `toolgate_requests_aborted_total` | counter | | requests that were still in flight when the shutdown timeout expired |
//! | `toolgate_connections` | gauge | | open connections |
//! | `toolgate_connections_closed_total` | counter | `reason` | connections that were closed because of `max_connections`: `idle`, `incomplete_head`, `unread_response`, `rejected` (all others were in use: requests get 503) |
//! | `toolgate_token_cache_lookups_total` | counter | `result` | lookups by result: `hit`, `miss`, `inactive` (cached as inactive), `stale` (used because of `stale_if_error`) |
//! | `toolgate_introspection_duration_seconds` | histogram | `outcome` | introspection requests to the authorization server: `active`, `inactive`, `unavailable` |
//! | `toolgate_circuit_breaker_state` | gauge | | state of the circuit breaker: 0 closed, 1 probing, 2 open |
//! | `toolgate_revocations_total` | counter | | applied revocations |
//! | `toolgate_revocation_lag_seconds` | histogram | | time from the event to its application |
//! | `toolgate_replication_connected` | gauge | | with replication: 1 while revocations of other replicas are received, otherwise 0 |
//! | `toolgate_audit_write_failures_total` | counter | | failed attempts to write the audit file; a failed attempt loses no records |
//! | `toolgate_audit_records_lost_total` | counter | | audit records that were discarded because they could not be written and memory was full |
//!
//! The values of every label are a closed set: `tool`, `prompt` and `resource` are those of this
//! server or `unknown`. A caller cannot create
//! label values.

mod handles;
mod operation;
#[cfg(feature = "prometheus")]
pub(crate) mod prometheus;

use std::time::Duration;

use ::metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

#[cfg(feature = "prometheus")]
pub use prometheus::MetricsError;

pub(crate) use handles::{CounterSet, GaugeHandle, HistogramHandle, Label};
pub(crate) use operation::OPERATIONS;

pub(crate) const DECISIONS: &str = "toolgate_decisions_total";
#[cfg(feature = "rates")]
pub(crate) const RATE_LIMITED: &str = "toolgate_rate_limited_total";
pub(crate) const IN_FLIGHT: &str = "toolgate_requests_in_flight";
pub(crate) const SESSIONS: &str = "toolgate_sessions";
pub(crate) const STREAMS: &str = "toolgate_streams";
pub(crate) const CONNECTIONS: &str = "toolgate_connections";
pub(crate) const CONNECTIONS_CLOSED: &str = "toolgate_connections_closed_total";
pub(crate) const CACHE_LOOKUPS: &str = "toolgate_token_cache_lookups_total";
const TASKS: &str = "toolgate_tasks_running";
const REQUESTS_ABORTED: &str = "toolgate_requests_aborted_total";
const INTROSPECTION_DURATION: &str = "toolgate_introspection_duration_seconds";
const CIRCUIT_BREAKER_STATE: &str = "toolgate_circuit_breaker_state";
const REVOCATIONS: &str = "toolgate_revocations_total";
const REVOCATION_LAG: &str = "toolgate_revocation_lag_seconds";
#[cfg(feature = "redis")]
const REPLICATION_CONNECTED: &str = "toolgate_replication_connected";
#[cfg(all(feature = "rates", feature = "redis"))]
const RATE_FALLBACKS: &str = "toolgate_rate_fallbacks_total";
#[cfg(feature = "audit-file")]
const AUDIT_WRITE_FAILURES: &str = "toolgate_audit_write_failures_total";
#[cfg(feature = "audit-file")]
const AUDIT_RECORDS_LOST: &str = "toolgate_audit_records_lost_total";

/// Tasks that run or wait for input.
pub(crate) static TASKS_RUNNING: GaugeHandle = GaugeHandle::new(TASKS);

/// Describes each metric to the installed recorder. The server calls this when it [starts](crate::BuiltServer::start); call
/// it yourself if you serve [`BuiltServer::into_router`](crate::BuiltServer::into_router) without that.
///
/// ```
/// // after installing a recorder
/// toolgate::metrics::describe();
/// ```
pub fn describe() {
    for operation in OPERATIONS {
        operation.describe();
    }
    describe_counter!(DECISIONS, Unit::Count, "Decisions of the gate, by reason.");
    #[cfg(feature = "rates")]
    describe_counter!(RATE_LIMITED, Unit::Count, "Requests beyond a rate, by limit.");
    #[cfg(all(feature = "rates", feature = "redis"))]
    describe_counter!(RATE_FALLBACKS, Unit::Count, "Requests counted in memory because Redis did not respond.");
    describe_gauge!(IN_FLIGHT, Unit::Count, "Requests to the MCP endpoint that are in flight.");
    describe_gauge!(SESSIONS, Unit::Count, "Open sessions.");
    describe_gauge!(STREAMS, Unit::Count, "Open streams of notifications.");
    describe_gauge!(TASKS, Unit::Count, "Tasks that run or wait for input.");
    describe_counter!(REQUESTS_ABORTED, Unit::Count, "Requests still in flight when the shutdown timeout expired.");
    describe_gauge!(CONNECTIONS, Unit::Count, "Open connections.");
    describe_counter!(CONNECTIONS_CLOSED, Unit::Count, "Connections closed because of their limit, by reason.");
    describe_counter!(CACHE_LOOKUPS, Unit::Count, "Lookups in the token cache, by result.");
    describe_histogram!(INTROSPECTION_DURATION, Unit::Seconds, "Introspection requests, by outcome.");
    describe_gauge!(CIRCUIT_BREAKER_STATE, "State of the circuit breaker: 0 closed, 1 probing, 2 open.");
    describe_counter!(REVOCATIONS, Unit::Count, "Applied revocations.");
    describe_histogram!(REVOCATION_LAG, Unit::Seconds, "Time from the event to its application.");
    #[cfg(feature = "redis")]
    describe_gauge!(REPLICATION_CONNECTED, "Revocations of other replicas are received: 1 yes, 0 no.");
    #[cfg(feature = "audit-file")]
    describe_counter!(AUDIT_WRITE_FAILURES, Unit::Count, "Failed attempts to write the audit file.");
    #[cfg(feature = "audit-file")]
    describe_counter!(AUDIT_RECORDS_LOST, Unit::Count, "Audit records that were discarded.");
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
    histogram!(INTROSPECTION_DURATION, "outcome" => outcome).record(duration);
}

/// Records a change of the circuit breaker.
pub(crate) fn circuit_breaker(state: CircuitBreakerState) {
    gauge!(CIRCUIT_BREAKER_STATE).set(match state {
        CircuitBreakerState::Closed => 0.0,
        CircuitBreakerState::Probing => 1.0,
        CircuitBreakerState::Open => 2.0,
    });
}

/// Records a revocation, applied `lag` after the authorization server sent it.
pub(crate) fn revocation_applied(lag: Duration) {
    counter!(REVOCATIONS).increment(1);
    histogram!(REVOCATION_LAG).record(lag);
}

/// Records requests that were aborted by a shutdown.
pub(crate) fn requests_aborted(requests: usize) {
    counter!(REQUESTS_ABORTED).increment(requests as u64);
}

/// Records whether revocations of other replicas are received.
#[cfg(feature = "redis")]
pub(crate) fn replication_connected(connected: bool) {
    gauge!(REPLICATION_CONNECTED).set(f64::from(u8::from(connected)));
}

/// Records that a request was counted in memory because Redis did not respond.
#[cfg(all(feature = "rates", feature = "redis"))]
pub(crate) fn rate_fallback() {
    counter!(RATE_FALLBACKS).increment(1);
}

/// Records a failed attempt to write the audit file.
#[cfg(feature = "audit-file")]
pub(crate) fn audit_write_failed() {
    counter!(AUDIT_WRITE_FAILURES).increment(1);
}

/// Records that audit records were lost.
#[cfg(feature = "audit-file")]
pub(crate) fn audit_records_lost(records: u64) {
    counter!(AUDIT_RECORDS_LOST).increment(records);
}
