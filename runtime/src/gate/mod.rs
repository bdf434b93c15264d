//! The gate: every request to the MCP endpoint is authenticated and decided here, on its own.

mod admission;
mod audit;
mod canonical;
mod challenge;
mod direct;
mod dispatch;
mod envelope;
#[cfg(any(fuzzing, toolgate_internals))]
pub(crate) mod fuzzing;
mod limits;
mod listing;
mod live;
mod origin;
mod refusal;
mod service;
mod spliced;

pub(crate) use admission::Admission;
pub(crate) use audit::{Asked, Reason};
pub(crate) use canonical::Recognizer;
pub(crate) use dispatch::{Call, Dispatched, Dispatcher};
pub(crate) use limits::Limits;
pub(crate) use listing::Listings;
pub(crate) use origin::{AllowedOrigins, is_loopback};
pub(crate) use refusal::{INSUFFICIENT_SCOPE, Refusals};
pub(crate) use service::{Gate, GateService};
