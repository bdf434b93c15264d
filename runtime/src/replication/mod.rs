//! Several replicas of one server: access that ends at one ends at all of them.
//!
//! Redis carries the revocations, in a stream that all replicas write and read. A replica says that a webhook was
//! received only when the stream has its revocations, and uses what it remembers of tokens for longer than 10 seconds
//! only while it hears the stream. Losing Redis therefore grants nothing.
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
//! Optionally, a token that one replica asked about need not be asked about by the others:
//! [`Replication::shared_cache`].

mod config;
mod encryption;
mod journal;
mod lease;
mod reader;
mod redis_client;
mod replica;
mod shared_cache;
mod shared_entry;
mod stream_entry;

pub use config::Replication;
pub(crate) use replica::Replica;
