//! Approvals: a call of a tool with `#[tool(approve = "..")]` runs after a person approved it on a page of the server.
//!
//! The page requires a login, so that the URL does not suffice to approve a call. An approval is
//! valid for one call: the same person, client, tool and arguments.
//!
//! Approvals are in memory, or in the Redis of `Server::replication` (feature `redis`). Implement [`ApprovalStore`] to
//! store them elsewhere.

mod approval;
mod memory_store;
#[cfg(feature = "redis")]
mod redis_store;
mod requested_call;
mod service;
mod store;

pub(crate) use approval::{Approval, ApprovalId, Decision, State};
pub(crate) use memory_store::MemoryApprovalStore;
#[cfg(feature = "redis")]
pub(crate) use redis_store::RedisApprovalStore;
pub(crate) use service::{ApprovalError, Approvals, ApprovalsParts, Opener};
pub use store::{ApprovalStore, ApprovalStoreError};
