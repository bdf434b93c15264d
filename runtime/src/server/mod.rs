//! The server: its builder, its configuration, and everything that it serves.

mod accept;
mod advertised_scopes;
mod app_check;
#[cfg(feature = "approvals")]
mod approvals;
mod build;
mod builder;
pub mod config;
mod connection;
mod connections;
#[cfg(feature = "console")]
mod console_endpoint;
mod cors;
#[cfg(feature = "cli")]
mod deployment;
mod descriptors;
mod discovery;
mod gate_layer;
#[cfg(all(feature = "logging", unix))]
mod hangup;
pub(crate) mod health;
#[cfg(feature = "landing-page")]
mod landing_page;
mod mcp_endpoint;
#[cfg(feature = "prometheus")]
mod metrics_endpoint;
mod mount;
mod operation_review;
#[cfg(any(feature = "console", feature = "prometheus"))]
mod operator_endpoint;
mod preflight;
mod request_head;
mod routers;
mod running;
mod scope_drift;
mod serve;
mod serve_with_provider;
mod server_url;
mod shutdown;
mod startup;
#[cfg(feature = "tls")]
mod tls;
mod unread_body;
mod well_known;

pub use builder::Server;
pub use gate_layer::{GateLayer, Gated};
#[cfg(toolgate_internals)]
pub(crate) use mcp_endpoint::McpEndpoint;
pub use mount::{MountPolicy, Requires};
pub use running::RunningServer;
pub use serve::BuiltServer;
pub use shutdown::shutdown_signal;
#[cfg(feature = "cli")]
pub(crate) use {accept::listen, deployment::Deployment, serve_with_provider::print};
