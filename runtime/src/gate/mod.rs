//! The gate: every request to the MCP endpoint is authenticated and decided here, on its own.

mod admission;
mod audit;
mod challenge;
mod envelope;
mod origin;
mod refusal;
mod service;

pub(crate) use admission::Admission;
pub(crate) use audit::Decision;
pub(crate) use origin::{AllowedOrigins, is_loopback};
pub(crate) use refusal::{INSUFFICIENT_SCOPE, Refusals};
pub(crate) use service::{Gate, GateService};
