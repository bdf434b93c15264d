//! The sample company's people, roles and scopes for the development tenant.

use toolgate_dev_tenant::{ConfigError, TenantConfig};

/// What `tenant.toml` says.
///
/// # Errors
///
/// When the file, which is part of the program, was changed into something that is no tenant.
pub fn config() -> Result<TenantConfig, ConfigError> {
    TenantConfig::from_toml(include_str!("../tenant.toml"))
}

#[cfg(test)]
mod tests {
    use super::config;
    use crate::SCOPES;

    #[test]
    fn the_tenant_has_the_scopes_of_the_server() {
        let config = config().unwrap();
        let scopes: Vec<&str> = config.scopes().iter().map(|scope| scope.name.as_str()).collect();
        assert_eq!(scopes, SCOPES.names());
    }

    #[test]
    fn every_role_has_somebody() {
        let config = config().unwrap();
        for role in config.roles() {
            assert!(config.people().iter().any(|person| person.role == role.name), "{}", role.name);
        }
    }

    #[test]
    fn everybody_is_plainly_a_sample() {
        for person in config().unwrap().people() {
            assert!(person.email.ends_with("@example.com"), "{}", person.email);
            assert!(person.name.contains("sample"), "{}", person.name);
        }
    }
}
