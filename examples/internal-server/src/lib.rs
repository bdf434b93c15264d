//! The sample company's internal MCP server, which `cargo run` starts at the root of the repository.

pub mod access;
mod cli;
pub mod company;
pub mod domain;
mod guards;
mod policy;
mod prompts;
mod records;
pub mod repository;
mod resources;
mod scopes;
mod startup;
mod tools;

pub use cli::{Cli, Command, ServeArgs};
pub use policy::{TENANT_TOML, policy};
pub use scopes::{ROLES, SCOPES};
pub use startup::{StartError, run, server};
