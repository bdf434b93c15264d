//! The record of every decision: who asked for what, and what came of it.
//!
//! Each decision is one [`tracing`] event with the target [`TARGET`] and the level `INFO`: every call of a tool, every
//! list, and every request that was refused at the gate. The fields are plain, so any subscriber can take them; those
//! that do not apply are left out.
//!
//! | field | what |
//! |---|---|
//! | `outcome` | `completed`, `listed`, `insufficient_scope`, ...: how it ended |
//! | `request_id` | the JSON-RPC id |
//! | `trace_id` | of the W3C trace context, from `_meta` or the header `traceparent` |
//! | `user`, `organization`, `role`, `client` | the caller, as the authorization server names them |
//! | `tool` | the tool that was called |
//! | `required`, `missing` | scopes, separated by spaces |
//! | `tools` | how many tools a list had |
//! | `arguments` | JSON: the arguments that the tool opted in by name, `#[tool(.., audit("ticket_id"))]` |
//! | `latency_us` | from the request's arrival, in microseconds |
//!
//! There is never a token in it, and no argument that was not opted in. What a caller can choose is cut to 256 bytes, and
//! control characters and those that change how a line reads are replaced, so nobody can write records of their own.
//!
//! With the feature `audit-file`, `JsonLines` writes the events to a file.

#[cfg(feature = "audit-file")]
mod file;
#[cfg(feature = "audit-file")]
mod json_lines;
#[cfg(feature = "audit-file")]
mod queue;

#[cfg(feature = "audit-file")]
pub use json_lines::{AuditGuard, JsonLines, JsonLinesBuilder};

/// The target of the events.
pub const TARGET: &str = "toolgate::audit";
