//! MCP as rmcp implements it, behind the gate. Only this module names rmcp's request types.

mod authenticated_request;
mod client_request;
mod handler;
mod protocol;
mod service;

pub(crate) use authenticated_request::AuthenticatedRequest;
pub(crate) use protocol::{Revision, is_complete_meta};
pub(crate) use service::{McpService, McpServiceConfig};

/// JSON-RPC error code for a call whose token lacks a scope.
pub(crate) const INSUFFICIENT_SCOPE: i32 = -32010;
