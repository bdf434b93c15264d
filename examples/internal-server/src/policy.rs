//! The access policy: what the tools require, and what each role of `tenant.toml` may call.

use toolgate::Server;
use toolgate::policy::{Policy, Role, RolesError};

/// Returns the policy of a server with the company's roles.
///
/// # Errors
///
/// Returns an error if `tenant.toml` has a role with a scope that the server does not declare.
pub fn policy(server: &Server) -> Result<Policy, RolesError> {
    server.policy().with_roles(Role::from_toml(include_str!("../tenant.toml"))?)
}
