//! Replication: several replicas of one server share revocations, so that access that ends on one replica ends on
//! all.
//!
//! A stream in Redis contains the revocations; all replicas write and read it. A replica acknowledges a webhook only
//! after its revocations are in the stream, and uses introspection responses older than 10 seconds only while it
//! receives the stream. Therefore an outage of Redis grants no access.
//!
//! ```
//! use toolgate::{prelude::*, replication::Replication};
//!
//! pub static SCOPES: Scopes = Scopes::new(&["employees:read:public"]);
//!
//! # fn main() {
//! let server = Server::new("My MCP server", &SCOPES).replication(Replication::redis("redis://127.0.0.1:6379"));
//! # let _ = server;
//! # }
//! ```
//!
//! Replicas can also share introspection responses: see [`Replication::shared_cache`].

mod config;
mod deadline;
#[cfg(feature = "cli")]
mod diagnosis;
mod encryption;
mod journal;
mod reader;
mod redis_client;
mod replica;
mod sealed_records;
mod shared_cache;
mod shared_entry;
#[cfg(feature = "rates")]
mod shared_rates;
mod stream_entry;

pub use config::Replication;
#[cfg(feature = "cli")]
pub(crate) use diagnosis::{RedisDiagnosis, StoredParts};
#[cfg(feature = "approvals")]
pub(crate) use redis_client::{RedisClient, RedisError};
pub(crate) use replica::Replica;
pub(crate) use sealed_records::SealedRecords;
#[cfg(feature = "rates")]
pub(crate) use shared_rates::{SharedCount, SharedOutcome, SharedRates};
