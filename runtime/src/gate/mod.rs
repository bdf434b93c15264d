//! The gate: authenticates and decides every request to the MCP endpoint before anything behind it sees the request.

mod challenge;
mod fast_path;
#[cfg(any(fuzzing, toolgate_internals))]
pub(crate) mod fuzzing;
mod in_flight;
mod jsonrpc;
mod origin;
mod pipeline;
mod rejection;
mod revocable_stream;

pub(crate) use fast_path::FastPath;
pub(crate) use in_flight::InFlightLimit;
pub(crate) use origin::AllowedOrigins;
pub(crate) use pipeline::{Gate, GateService};
pub(crate) use rejection::RejectionResponder;
