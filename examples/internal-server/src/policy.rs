//! The access policy: what tools, prompts and resources require, and what each role of `tenant.toml` may use.

use toolgate::policy::{Policy, Role, RolesError};

use crate::startup;

/// The scopes, roles and people of the company. In PropelAuth, the scopes are under MCP -> Org Scopes, and the roles under
/// Roles & Permissions.
pub const TENANT_TOML: &str = include_str!("../tenant.toml");

/// Returns the policy of the server with the company's roles.
///
/// # Errors
///
/// Returns an error if `tenant.toml` has a role with a scope that the server does not declare.
pub fn policy() -> Result<Policy, RolesError> {
    startup::declaration().policy().with_roles(Role::from_toml(TENANT_TOML)?)
}

#[cfg(test)]
mod tests {
    use toolgate_dev_tenant::TenantConfig;

    use super::TENANT_TOML;
    use crate::SCOPES;

    fn config() -> TenantConfig {
        TenantConfig::from_toml(TENANT_TOML).unwrap()
    }

    #[test]
    fn the_tenant_declares_the_scopes_of_the_server() {
        let config = config();
        let scopes: Vec<&str> = config.scopes().iter().map(|scope| scope.name.as_str()).collect();
        assert_eq!(scopes, SCOPES.names());
    }

    #[test]
    fn every_role_is_assigned_to_a_person() {
        let config = config();
        for role in config.roles() {
            assert!(config.people().iter().any(|person| person.role == role.name), "{}", role.name);
        }
    }

    #[test]
    fn every_person_is_marked_as_sample_data() {
        for person in config().people() {
            assert!(person.email.ends_with("@example.com"), "{}", person.email);
            assert!(person.name.contains("sample"), "{}", person.name);
        }
    }
}
