//! All metrics.

use super::definition::{Definition, LabelDefinition};

/// Values of `reason`: why the gate decided as it did.
const REASONS: &[&str] = &[
    "allowed",
    "listed",
    "foreign_origin",
    "too_many_requests",
    "too_many_requests_from_caller",
    "rate_limited",
    "too_many_unknown_tokens",
    "too_much_body_memory",
    "too_many_streams",
    "too_many_streams_from_caller",
    "too_many_sessions",
    "too_many_sessions_from_caller",
    "unknown_session",
    "missing_token",
    "malformed_token",
    "invalid_token",
    "tokens_unavailable",
    "audit_log_unavailable",
    "unreadable_body",
    "malformed_message",
    "unsupported_request",
    "invalid_cursor",
    "invalid_request_state",
    "insufficient_scope",
    "unknown",
    "hidden",
    "denied",
    "unknown_task",
];

const OUTCOME: LabelDefinition = LabelDefinition::new(
    "outcome",
    &[
        "completed",
        "failed",
        "input_required",
        "approval_required",
        "not_approved",
        "internal_error",
        "panicked",
        "timed_out",
        "cancelled",
        "invalid_arguments",
        "denied",
        "insufficient_scope",
        "busy",
        "result_too_large",
        "hidden",
        "unknown",
        "rate_limited",
    ],
);
const TOOL: LabelDefinition = LabelDefinition::new("tool", &[]);
const PROMPT: LabelDefinition = LabelDefinition::new("prompt", &[]);
const RESOURCE: LabelDefinition = LabelDefinition::new("resource", &[]);

pub(crate) const BUILD_INFO: Definition = Definition::gauge(
    "toolgate_build_info",
    &[
        LabelDefinition::new("server", &[]),
        LabelDefinition::new("server_version", &[]),
        LabelDefinition::new("toolgate_version", &[]),
    ],
    "Always 1. The labels are the name and the version of the server, and the version of toolgate.",
);
pub(crate) const READY: Definition = Definition::gauge(
    "toolgate_ready",
    &[],
    "Whether the server is ready for requests, as `/readyz` reports: 1 yes, 0 no.",
);
pub(crate) const PREFLIGHT_FATAL: Definition = Definition::gauge(
    "toolgate_preflight_fatal_diagnostics",
    &[],
    "Fatal diagnostics of the latest preflight check, of all validators.",
);
pub(super) const CALLS: Definition =
    Definition::counter("toolgate_calls_total", &[TOOL, OUTCOME], "Tool calls, by outcome.");
pub(super) const CALL_DURATION: Definition = Definition::histogram(
    "toolgate_call_duration_seconds",
    &[TOOL],
    "Time from the arrival of the request to the result of the tool.",
);
pub(super) const PROMPTS: Definition =
    Definition::counter("toolgate_prompts_total", &[PROMPT, OUTCOME], "Requests for prompts, by outcome.");
pub(super) const PROMPT_DURATION: Definition = Definition::histogram(
    "toolgate_prompt_duration_seconds",
    &[PROMPT],
    "Time from the arrival of the request to the result of the prompt.",
);
pub(super) const RESOURCE_READS: Definition = Definition::counter(
    "toolgate_resource_reads_total",
    &[RESOURCE, OUTCOME],
    "Reads of resources, by outcome. The label is a URI or a URI template of the server.",
);
pub(super) const RESOURCE_READ_DURATION: Definition = Definition::histogram(
    "toolgate_resource_read_duration_seconds",
    &[RESOURCE],
    "Time from the arrival of the request to the content of the resource.",
);
pub(crate) const DECISIONS: Definition = Definition::counter(
    "toolgate_decisions_total",
    &[LabelDefinition::new("reason", REASONS)],
    "Decisions of the gate, by reason.",
);
pub(crate) const RATE_LIMITED: Definition = Definition::counter(
    "toolgate_rate_limited_total",
    &[LabelDefinition::new("limit", &["caller", "role", "operation", "operation_total"])],
    "Requests that were rejected because they were beyond a rate, by rate.",
);
pub(super) const RATE_FALLBACKS: Definition = Definition::counter(
    "toolgate_rate_fallbacks_total",
    &[],
    "With replication: requests that were counted in memory because Redis did not respond.",
);
pub(crate) const IN_FLIGHT: Definition =
    Definition::gauge("toolgate_requests_in_flight", &[], "Requests to the MCP endpoint that are in flight.");
pub(crate) const SESSIONS: Definition = Definition::gauge("toolgate_sessions", &[], "Open sessions.");
pub(crate) const STREAMS: Definition = Definition::gauge("toolgate_streams", &[], "Open streams of notifications.");
pub(super) const TASKS: Definition =
    Definition::gauge("toolgate_tasks_running", &[], "Tasks that run or wait for input.");
pub(super) const REQUESTS_ABORTED: Definition = Definition::counter(
    "toolgate_requests_aborted_total",
    &[],
    "Requests that were still in flight when the shutdown timeout expired.",
);
pub(crate) const CONNECTIONS: Definition = Definition::gauge("toolgate_connections", &[], "Open connections.");
pub(crate) const CONNECTIONS_CLOSED: Definition = Definition::counter(
    "toolgate_connections_closed_total",
    &[LabelDefinition::new("reason", &["idle", "incomplete_head", "unread_response", "rejected"])],
    "Connections that were closed because of `http.max_connections`. `rejected`: all others were in use, and the \
     client got 503.",
);
pub(crate) const CACHE_LOOKUPS: Definition = Definition::counter(
    "toolgate_token_cache_lookups_total",
    &[LabelDefinition::new("result", &["hit", "miss", "inactive", "stale"])],
    "Lookups in the token cache, by result. `inactive`: cached as inactive. `stale`: used because of \
     `token_cache.stale_if_error`.",
);
pub(super) const INTROSPECTION_DURATION: Definition = Definition::histogram(
    "toolgate_introspection_duration_seconds",
    &[LabelDefinition::new("outcome", &["active", "inactive", "unavailable"])],
    "Introspection requests to the authorization server, or validations with `Jwt`, by outcome.",
);
pub(super) const CIRCUIT_BREAKER_STATE: Definition = Definition::gauge(
    "toolgate_circuit_breaker_state",
    &[],
    "State of the circuit breaker of the authorization server: 0 closed, 1 probing, 2 open.",
);
pub(super) const REVOCATIONS: Definition =
    Definition::counter("toolgate_revocations_total", &[], "Applied revocations.");
pub(super) const REVOCATION_LAG: Definition = Definition::histogram(
    "toolgate_revocation_lag_seconds",
    &[],
    "Time from the event at the authorization server to its application.",
);
pub(super) const REPLICATION_CONNECTED: Definition = Definition::gauge(
    "toolgate_replication_connected",
    &[],
    "With replication: 1 while revocations of other replicas are received, otherwise 0.",
);
pub(super) const AUDIT_WRITE_FAILURES: Definition = Definition::counter(
    "toolgate_audit_write_failures_total",
    &[],
    "Failed attempts to write the audit file. A failed attempt loses no records.",
);
pub(super) const AUDIT_RECORDS_LOST: Definition = Definition::counter(
    "toolgate_audit_records_lost_total",
    &[],
    "Audit records that were discarded because they could not be written and memory was full.",
);

pub(super) const SPANS_EXPORTED: Definition =
    Definition::counter("toolgate_spans_exported_total", &[], "Spans that were exported to the receiver of traces.");
pub(super) const SPANS_LOST: Definition = Definition::counter(
    "toolgate_spans_lost_total",
    &[LabelDefinition::new("reason", &["export_failed", "queue_full", "too_many"])],
    "Spans that were not exported. `export_failed`: the receiver did not accept them. `queue_full`: too many waited. \
     `too_many`: a request was not traced because of `traces.max_per_second`.",
);

/// All metrics. Those of a feature that is not enabled, or of a part that the server does not have, have no values.
pub const DEFINITIONS: &[Definition] = &[
    BUILD_INFO,
    READY,
    PREFLIGHT_FATAL,
    CALLS,
    CALL_DURATION,
    PROMPTS,
    PROMPT_DURATION,
    RESOURCE_READS,
    RESOURCE_READ_DURATION,
    DECISIONS,
    RATE_LIMITED,
    RATE_FALLBACKS,
    IN_FLIGHT,
    SESSIONS,
    STREAMS,
    TASKS,
    REQUESTS_ABORTED,
    CONNECTIONS,
    CONNECTIONS_CLOSED,
    CACHE_LOOKUPS,
    INTROSPECTION_DURATION,
    CIRCUIT_BREAKER_STATE,
    REVOCATIONS,
    REVOCATION_LAG,
    REPLICATION_CONNECTED,
    AUDIT_WRITE_FAILURES,
    AUDIT_RECORDS_LOST,
    SPANS_EXPORTED,
    SPANS_LOST,
];
