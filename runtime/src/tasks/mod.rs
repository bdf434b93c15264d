//! Tasks: calls that continue after the response to their request (MCP extension `io.modelcontextprotocol/tasks`, SEP-2663).
//!
//! A call of a tool with `#[tool(task)]` becomes a task if the client declared the extension in the request. The client
//! receives the ID of the task, polls it with `tasks/get`, responds to its questions with `tasks/update`, and can end it
//! with `tasks/cancel`. Other clients get an ordinary call.
//!
//! A task belongs to the principal and the OAuth client that created it. Every poll decides again whether the caller may
//! call the tool. A revocation of the caller ends its running tasks.
//!
//! The result is stored for [`TasksConfig::ttl`](crate::config::TasksConfig::ttl) in a [`TaskStore`]: by default in memory,
//! and with replication in Redis, where the other replicas find it.

mod channel;
mod memory_store;
mod owner;
mod record;
#[cfg(feature = "redis")]
mod redis_store;
mod run;
mod running;
mod slot;
mod store;
mod task_id;
mod task_request;
#[allow(clippy::module_inception, reason = "the concept of the module")]
mod tasks;
mod usage;

pub use memory_store::MemoryTaskStore;
#[cfg(feature = "redis")]
pub(crate) use redis_store::RedisTaskStore;
pub use store::{TaskStore, TaskStoreError};
pub(crate) use task_request::RequestFacts;
pub(crate) use tasks::{TaskCall, TaskError, TaskResponse, Tasks};
pub(crate) use usage::TaskLimits;
