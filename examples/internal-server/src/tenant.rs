//! The development tenant's configuration: the sample company's scopes, roles and people.

use toolgate_dev_tenant::{ConfigError, TenantConfig};

/// Parses `tenant.toml`, which is compiled into the program.
///
/// # Errors
///
/// Returns an error if the file is not a valid tenant configuration.
pub fn config() -> Result<TenantConfig, ConfigError> {
    TenantConfig::from_toml(include_str!("../tenant.toml"))
}

#[cfg(test)]
mod tests {
    use super::config;
    use crate::SCOPES;

    #[test]
    fn the_tenant_declares_the_scopes_of_the_server() {
        let config = config().unwrap();
        let scopes: Vec<&str> = config.scopes().iter().map(|scope| scope.name.as_str()).collect();
        assert_eq!(scopes, SCOPES.names());
    }

    #[test]
    fn every_role_is_assigned_to_a_person() {
        let config = config().unwrap();
        for role in config.roles() {
            assert!(config.people().iter().any(|person| person.role == role.name), "{}", role.name);
        }
    }

    #[test]
    fn every_person_is_marked_as_sample_data() {
        for person in config().unwrap().people() {
            assert!(person.email.ends_with("@example.com"), "{}", person.email);
            assert!(person.name.contains("sample"), "{}", person.name);
        }
    }
}
