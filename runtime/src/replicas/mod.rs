//! Several replicas of one server: access that ends at one ends at all of them.
//!
//! Redis carries the revocations, in a stream that all replicas write and read. A replica says that a webhook was
//! received only when the stream has its revocations, and uses what it remembers of tokens for longer than 10 seconds
//! only while it hears the stream. Losing Redis therefore grants nothing.
//!
//! ```
//! use toolgate::{prelude::*, replicas::Replicas};
//!
//! pub static SCOPES: Scopes = Scopes::new(&["employees:read:public"]);
//!
//! # fn main() {
//! let server = Server::new("My MCP server", &SCOPES).replicas(Replicas::redis("redis://127.0.0.1:6379"));
//! # let _ = server;
//! # }
//! ```
//!
//! Optionally, a token that one replica asked about need not be asked about by the others:
//! [`Replicas::shared_cache`].

mod answers;
mod entry;
mod journal;
mod lease;
mod link;
mod reader;
mod replica;
mod seal;
mod sealed;
mod settings;

pub(crate) use replica::Replica;
pub use settings::Replicas;
