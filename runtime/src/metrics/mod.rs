//! Numbers about what the server does, through the [`metrics`] facade.
//!
//! Install a recorder before the server serves, and it hears of everything below; without one the calls cost next to
//! nothing. With the feature `prometheus`, `Server::metrics_address` installs one and serves what it recorded.
//!
//! | name | kind | labels | what |
//! |---|---|---|---|
//! | `toolgate_calls_total` | counter | `tool`, `outcome` | calls of tools, by how they ended |
//! | `toolgate_call_duration_seconds` | histogram | `tool` | from the request's arrival to the tool's result |
//! | `toolgate_decisions_total` | counter | `reason` | decisions of the gate, by why |
//! | `toolgate_requests_in_flight` | gauge | | requests to the MCP endpoint that are under way |
//! | `toolgate_requests_aborted_total` | counter | | requests that were still under way when the time to drain was over |
//! | `toolgate_token_cache_lookups_total` | counter | `result` | `hit`, `miss`, `inactive` (known to be so), `stale` (the grace) |
//! | `toolgate_introspection_duration_seconds` | histogram | `outcome` | questions to the authorization server: `active`, `inactive`, `unavailable` |
//! | `toolgate_circuit_breaker_state` | gauge | | the circuit breaker: 0 closed, 1 probing, 2 open |
//! | `toolgate_revocations_total` | counter | | revocations that were applied |
//! | `toolgate_revocation_lag_seconds` | histogram | | from the event to its being applied |
//! | `toolgate_replication_connected` | gauge | | where there are replicas: 1 while their revocations are heard, 0 while not |
//! | `toolgate_audit_write_failures_total` | counter | | failed attempts to write to the audit file; nothing is lost by one |
//!
//! Every label comes from a closed set: `tool` is a tool of this server or `unknown`, and nothing that a caller sends
//! becomes one.

mod handles;
#[cfg(feature = "prometheus")]
pub(crate) mod prometheus;

use std::time::Duration;

use ::metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

#[cfg(feature = "prometheus")]
pub use prometheus::MetricsError;

pub(crate) use handles::{CounterSet, GaugeHandle, HistogramHandle, Label};

pub(crate) const CALLS: &str = "toolgate_calls_total";
pub(crate) const CALL_DURATION: &str = "toolgate_call_duration_seconds";
pub(crate) const DECISIONS: &str = "toolgate_decisions_total";
pub(crate) const IN_FLIGHT: &str = "toolgate_requests_in_flight";
pub(crate) const CACHE_LOOKUPS: &str = "toolgate_token_cache_lookups_total";
const REQUESTS_ABORTED: &str = "toolgate_requests_aborted_total";
const INTROSPECTION_DURATION: &str = "toolgate_introspection_duration_seconds";
const CIRCUIT_BREAKER_STATE: &str = "toolgate_circuit_breaker_state";
const REVOCATIONS: &str = "toolgate_revocations_total";
const REVOCATION_LAG: &str = "toolgate_revocation_lag_seconds";
#[cfg(feature = "redis")]
const REPLICATION_CONNECTED: &str = "toolgate_replication_connected";
#[cfg(feature = "audit-file")]
const AUDIT_WRITE_FAILURES: &str = "toolgate_audit_write_failures_total";

/// Tells the installed recorder what each metric means. Serving does it by itself; this is for who mounts
/// [`BuiltServer::into_router`](crate::BuiltServer::into_router) in a server of their own.
///
/// ```
/// // after a recorder was installed
/// toolgate::metrics::describe();
/// ```
pub fn describe() {
    describe_counter!(CALLS, Unit::Count, "Calls of tools, by how they ended.");
    describe_histogram!(CALL_DURATION, Unit::Seconds, "From a call's arrival to the tool's result.");
    describe_counter!(DECISIONS, Unit::Count, "Decisions of the gate, by why.");
    describe_gauge!(IN_FLIGHT, Unit::Count, "Requests to the MCP endpoint that are under way.");
    describe_counter!(REQUESTS_ABORTED, Unit::Count, "Requests under way when the time to drain was over.");
    describe_counter!(CACHE_LOOKUPS, Unit::Count, "Questions to the cache of tokens, by what it knew.");
    describe_histogram!(INTROSPECTION_DURATION, Unit::Seconds, "Questions to the authorization server.");
    describe_gauge!(CIRCUIT_BREAKER_STATE, "The circuit breaker: 0 closed, 1 probing, 2 open.");
    describe_counter!(REVOCATIONS, Unit::Count, "RevocationClock that were applied.");
    describe_histogram!(REVOCATION_LAG, Unit::Seconds, "From a revocation's event to its being applied.");
    #[cfg(feature = "redis")]
    describe_gauge!(REPLICATION_CONNECTED, "Whether the revocations of the other replicas are heard: 1 yes, 0 no.");
    #[cfg(feature = "audit-file")]
    describe_counter!(AUDIT_WRITE_FAILURES, Unit::Count, "Failed attempts to write to the audit file.");
}

/// What the cache of tokens knew.
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

/// How the circuit breaker stands.
#[derive(Clone, Copy, Debug)]
pub(crate) enum CircuitBreakerState {
    Closed,
    Probing,
    Open,
}

/// The authorization server was asked; `outcome` is `active`, `inactive` or `unavailable`.
pub(crate) fn introspected(outcome: &'static str, took: Duration) {
    histogram!(INTROSPECTION_DURATION, "outcome" => outcome).record(took);
}

pub(crate) fn circuit_breaker(state: CircuitBreakerState) {
    gauge!(CIRCUIT_BREAKER_STATE).set(match state {
        CircuitBreakerState::Closed => 0.0,
        CircuitBreakerState::Probing => 1.0,
        CircuitBreakerState::Open => 2.0,
    });
}

/// A revocation is in force from now on, this long after it was sent.
pub(crate) fn revocation_applied(lag: Duration) {
    counter!(REVOCATIONS).increment(1);
    histogram!(REVOCATION_LAG).record(lag);
}

pub(crate) fn requests_aborted(requests: usize) {
    counter!(REQUESTS_ABORTED).increment(requests as u64);
}

#[cfg(feature = "redis")]
pub(crate) fn replication_connected(connected: bool) {
    gauge!(REPLICATION_CONNECTED).set(f64::from(u8::from(connected)));
}

#[cfg(feature = "audit-file")]
pub(crate) fn audit_write_failed() {
    counter!(AUDIT_WRITE_FAILURES).increment(1);
}
