//! The audit log: one record for every decision.
//!
//! Each decision is one [`tracing`] event with the target [`TARGET`] and the level `INFO`: every call of a tool, every
//! request for a prompt or a resource, every list, every subscription to a resource, every request to a route behind a
//! [`GateLayer`](crate::GateLayer), and every rejected request except the 429 responses that any client can cause without a token. A completion has a record if it fails or is rejected. Any
//! subscriber can consume the fields. A field that does not apply is absent.
//!
//! Requests that are rejected before their caller is known have a record of their own up to 100 times in 10 seconds for
//! each reason. Further ones share one record with their `count`, so that clients without a token cannot fill the log.
//!
//! | field | value |
//! |---|---|
//! | `outcome` | how the request ended: `completed`, `listed`, `insufficient_scope`, ... |
//! | `request_id` | JSON-RPC id |
//! | `trace_id` | id of the W3C trace context, from `_meta` or from the header `traceparent` |
//! | `user`, `organization`, `role`, `client` | the caller, as named by the authorization server |
//! | `granted` | the caller's scopes in the server's lists, implied ones included, separated by spaces |
//! | `granted_omitted` | number of these scopes, if their text has more than 4 KiB and is omitted |
//! | `policy` | [fingerprint](crate::policy::Policy::fingerprint) of the policy of the server; in every record with a caller |
//! | `tool`, `prompt`, `resource` | name of the tool or the prompt, or URI or URI template of the resource |
//! | `uri` | URI of a resource that matches a template |
//! | `route` | method and path of a request to a route of your own behind a [`GateLayer`](crate::GateLayer), which has the outcome `allowed` or `insufficient_scope` |
//! | `required`, `missing` | scopes, separated by spaces |
//! | `required_by` | what required the missing scopes: `operation`, `arguments` (a condition on them) or `body` |
//! | `list`, `items` | name of the list (`tools`, `prompts`, `resources`, `resource_templates`) and number of operations on its page |
//! | `arguments` | JSON object of the arguments that the operation opted in to record, `#[tool(.., audit("ticket_id"))]` |
//! | `reference` | of an error that was masked: the same as in the response and in the log |
//! | `approval` | reference of the approval that the call needed or used, or that the record is about |
//! | `task` | name of the [task](crate::tasks) that the call belongs to, from which its ID cannot be derived |
//! | `count` | number of rejections in this record; absent in a record of one decision |
//! | `latency_us` | time since the request was received, in microseconds |
//!
//! A record never holds a token, nor an argument that was not opted in. Text that a caller controls is cut to 256 bytes,
//! and control characters and characters that change the direction of a line are replaced, so a caller cannot forge
//! records.
//!
//! With the feature `audit-file`, `JsonLines` writes the records to a file. While the file cannot be written, requests
//! to the MCP endpoint are rejected with 503.

mod availability;
#[cfg(feature = "audit-file")]
mod json_lines;
mod log;
#[cfg(feature = "audit-file")]
mod queue;
mod reason;
#[cfg(feature = "console")]
mod recent;
mod record;
#[cfg(feature = "testing")]
mod recorded_calls;
#[cfg(feature = "audit-file")]
mod rotating_file;
mod sanitize;
mod unauthenticated;

pub(crate) use availability::is_available;
#[cfg(feature = "audit-file")]
pub use json_lines::{AuditGuard, JsonLines, JsonLinesBuilder};
pub(crate) use log::{AuditLog, CallRecord, audited_arguments};
pub(crate) use reason::{ApprovalEvent, CallOutcome, Reason, RequiredBy};
#[cfg(feature = "console")]
pub(crate) use recent::{RecentDecision, RecentDecisions};
#[cfg(feature = "otel")]
pub(crate) use record::TRACEPARENT;
pub(crate) use record::{RequestInfo, TraceId, mentions_trace};
#[cfg(feature = "testing")]
pub(crate) use recorded_calls::{RecordedCall, RecordedCalls};
pub(crate) use sanitize::{MAX_TEXT, is_changed, is_loggable, is_plain, is_plain_text, is_verbatim};

/// Target of the audit events.
pub const TARGET: &str = "toolgate::audit";

/// Sanitizes text that a caller controls, for a log message: at most 256 bytes, without control characters.
pub(crate) fn sanitize(text: &str) -> String {
    sanitize::text(text).into_owned()
}
