//! The sample company's internal MCP server, which `cargo run` starts at the root of the repository.

pub mod access;
mod cli;
pub mod company;
pub mod domain;
mod policy;
pub mod repository;
mod scopes;
mod startup;
pub mod tenant;
mod tools;
mod welcome;

pub use cli::{Cli, Command, ServeArgs};
pub use policy::policy;
pub use scopes::{ROLES, SCOPES};
pub use startup::{StartError, run, server};
pub use welcome::{RoleToken, TokenSource, Welcome};
