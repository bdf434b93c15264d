//! The server: its builder, its configuration, and everything that it serves.

mod accept;
mod build;
mod builder;
pub mod config;
mod cors;
mod discovery;
mod health;
mod preflight;
mod scope_drift;
mod serve;
mod server_url;
mod shutdown;
mod startup;
mod well_known;

pub use builder::Server;
pub use serve::BuiltServer;
pub use shutdown::shutdown_signal;
