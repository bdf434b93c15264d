//! The registered operations: the decision about who may use them, lists, and calls.

mod call;
mod completion;
mod decision;
mod dispatch;
mod explain;
mod list;
mod listed_operation;
mod listing;
mod mounted;
mod registered_operation;
#[allow(clippy::module_inception, reason = "the module has the registry and what is done with it")]
mod registry;
mod subscription;

pub(crate) use call::{CallResult, McpResult};
pub(crate) use completion::{CompletionError, CompletionRequest};
pub(crate) use decision::{Authorized, DecisionError};
pub(crate) use dispatch::{CallRequest, CountedOperation, Dispatcher, ListSettings};
pub(crate) use list::{InvalidCursor, ListKind, ListPage};
use listed_operation::ListedOperation;
pub(crate) use listing::Listing;
pub(crate) use mounted::{MountedOperation, MountedServer};
pub(crate) use registered_operation::RegisteredOperation;
pub(crate) use registry::{DenyRule, Found, RateOverrides, Registry, RegistryConfig};

/// JSON-RPC error code for a call whose token lacks a scope.
pub(crate) const INSUFFICIENT_SCOPE: i32 = -32010;
