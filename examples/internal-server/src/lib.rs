//! The sample company's internal MCP server, which `cargo run` starts at the root of the repository.

pub mod access;
mod cli;
pub mod company;
pub mod domain;
mod policy;
pub mod repository;
mod scopes;
mod startup;
mod tools;

pub use cli::{Cli, Command, ServeArgs};
pub use policy::{TENANT_TOML, policy};
pub use scopes::{ROLES, SCOPES};
pub use startup::{StartError, run, server};
