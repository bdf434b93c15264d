//! The server: everything put together, and served.

mod address;
mod assemble;
mod builder;
mod built;
mod cors;
mod discovery;
mod drift;
mod error;
mod handler;
mod health;
mod limits;
mod listen;
mod mcp;
mod metadata;
mod preflight;
#[cfg(feature = "redis")]
mod replicas;
mod start_up;
mod stop;
mod webhooks;

pub use builder::Server;
pub use built::BuiltServer;
pub use error::{BuildError, Error};
pub use preflight::Preflight;
pub use stop::stop_signal;
