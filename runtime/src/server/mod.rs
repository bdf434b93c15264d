//! The server: everything put together, and served.

mod address;
mod builder;
mod built;
mod discovery;
mod drift;
mod error;
mod handler;
mod mcp;
mod metadata;

pub use builder::Server;
pub use built::BuiltServer;
pub use error::{BuildError, Error};
