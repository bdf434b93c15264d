//! MCP as rmcp implements it, behind the gate. Only this module names rmcp's request types.

mod authenticated_request;
mod call;
mod client_request;
mod handler;
mod listen;
mod methods;
mod mounted;
mod peer_request;
mod protocol;
mod service;
mod sessions;
mod tasks;

pub(crate) use authenticated_request::{AuthenticatedRequest, StepUp};
pub(crate) use listen::declare_notifications;
pub(crate) use methods::{InvalidShape, check_shape, is_removed};
pub(crate) use mounted::Mounted;
pub(crate) use protocol::{Revision, is_complete_meta, revisions};
pub(crate) use service::{McpService, McpServiceConfig};
pub(crate) use sessions::{SESSION_ID, SessionLimitReached, SessionMaxima, SessionRequest, SessionUse, Sessions};

pub(crate) use crate::registry::INSUFFICIENT_SCOPE;

/// JSON-RPC error code for a revision that this server does not support.
pub(crate) const UNSUPPORTED_REVISION: i32 = rmcp::model::ErrorCode::UNSUPPORTED_PROTOCOL_VERSION.0;
