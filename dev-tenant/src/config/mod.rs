//! `tenant.toml`: the organization, its scopes, its roles and its people.

mod error;
mod file;

pub use error::ConfigError;

use serde::{Deserialize, Serialize};

/// The organization that all people of the tenant belong to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Organization {
    /// What introspection answers as `org_id`.
    pub id: String,
    /// What people see.
    pub name: String,
}

/// A scope that roles can hold and that a person can grant to an application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ScopeInfo {
    /// The scope token, such as `employees:read:public`.
    pub name: String,
    /// One sentence for the consent page.
    pub description: String,
}

/// A role of the organization, and the scopes that somebody who holds it can grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Role {
    /// What introspection answers as `org_role`.
    pub name: String,
    /// The scopes, in the order of `tenant.toml`.
    pub scopes: Vec<String>,
}

impl Role {
    /// Whether somebody with this role can grant `scope`.
    pub fn grants(&self, scope: &str) -> bool {
        self.scopes.iter().any(|held| held == scope)
    }
}

/// Somebody who can log in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Person {
    /// What introspection answers as `sub`.
    pub id: String,
    /// What people see.
    pub name: String,
    /// What introspection answers as `username`.
    pub email: String,
    /// The name of the person's role.
    pub role: String,
    /// `false` once an administrator disabled the person.
    pub enabled: bool,
}

/// A checked `tenant.toml`.
///
/// ```
/// use toolgate_dev_tenant::TenantConfig;
///
/// let config = TenantConfig::from_toml(
///     r#"
///     [organization]
///     id = "5a3e1f00-0000-4000-8000-000000000001"
///     name = "Example Company"
///
///     [[scopes]]
///     name = "employees:read:public"
///     description = "Read the staff directory."
///
///     [[roles]]
///     name = "HR"
///     scopes = ["employees:read:public"]
///
///     [[people]]
///     id = "5a3e1f00-0000-4000-8000-000000000201"
///     name = "Harriet (sample, HR)"
///     email = "harriet.hr@example.com"
///     role = "HR"
///     "#,
/// )?;
/// assert_eq!(config.people()[0].role, "HR");
/// # Ok::<(), toolgate_dev_tenant::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantConfig {
    organization: Organization,
    scopes: Vec<ScopeInfo>,
    roles: Vec<Role>,
    people: Vec<Person>,
}

impl TenantConfig {
    /// Reads and checks a `tenant.toml`.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the line and the first thing that does not fit.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        file::read(text)
    }

    /// The sample company: ten scopes, four roles, two people in each.
    #[expect(clippy::missing_panics_doc, reason = "the embedded file is checked by a test")]
    pub fn sample() -> Self {
        Self::from_toml(include_str!("../../tenant.toml")).expect("the embedded tenant.toml is checked by a test")
    }

    /// The organization.
    pub fn organization(&self) -> &Organization {
        &self.organization
    }

    /// All scopes, in the order of the file.
    pub fn scopes(&self) -> &[ScopeInfo] {
        &self.scopes
    }

    /// All roles, in the order of the file.
    pub fn roles(&self) -> &[Role] {
        &self.roles
    }

    /// The role called `name`.
    pub fn role(&self, name: &str) -> Option<&Role> {
        self.roles.iter().find(|role| role.name == name)
    }

    /// All people as the file has them, in its order.
    pub fn people(&self) -> &[Person] {
        &self.people
    }
}

/// RFC 6749 section 3.3: `1*( %x21 / %x23-5B / %x5D-7E )`.
pub(crate) fn is_scope_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}
