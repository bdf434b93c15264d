//! The access policy: what the tools require, and what each role of `tenant.toml` may call.

use toolgate::policy::{Policy, Role, RolesError};

use crate::startup;

/// The roles and their scopes, as configured in PropelAuth under Roles & Permissions.
pub(crate) const ROLES_TOML: &str = include_str!("../tenant.toml");

/// Returns the policy of the server with the company's roles.
///
/// # Errors
///
/// Returns an error if `tenant.toml` has a role with a scope that the server does not declare.
pub fn policy() -> Result<Policy, RolesError> {
    startup::declaration().policy().with_roles(Role::from_toml(ROLES_TOML)?)
}
