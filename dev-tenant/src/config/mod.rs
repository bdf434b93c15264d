//! `tenant.toml`: the organization, its scopes, its roles and its people.

mod parse;
mod starter;

use serde::{Deserialize, Serialize};

use crate::api_key::KeyOwner;

/// The organization of the tenant. All people belong to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Organization {
    /// The `org_id` of introspection responses.
    pub id: String,
    /// The name on the pages.
    pub name: String,
}

/// A scope that roles can hold and that a person can grant to an application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ScopeInfo {
    /// The scope token, such as `employees:read:public`.
    pub name: String,
    /// The sentence that the consent page shows.
    pub description: String,
}

impl ScopeInfo {
    /// Describes a scope, for [`TenantConfig::from_scopes`].
    pub fn new(name: impl Into<String>, description: impl Into<String>) -> Self {
        Self { name: name.into(), description: description.into() }
    }
}

/// A role of the organization, with the scopes that it can grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Role {
    /// The `org_role` of introspection responses.
    pub name: String,
    /// The scopes, in the order of `tenant.toml`.
    pub scopes: Vec<String>,
}

impl Role {
    /// Returns whether a person with this role can grant `scope`.
    pub fn grants(&self, scope: &str) -> bool {
        self.scopes.iter().any(|held| held == scope)
    }
}

/// A person of the organization, who can log in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Person {
    /// The `sub` of introspection responses.
    pub id: String,
    /// The name on the pages.
    pub name: String,
    /// The `username` of introspection responses.
    pub email: String,
    /// The name of the person's role.
    pub role: String,
    /// Identity providers at which the person has a token, such as `google`.
    pub providers: Vec<String>,
    /// `false` after an administrator disabled the person.
    pub enabled: bool,
}

/// An API key that a `tenant.toml` declares. [`DevTenant::declared_api_key`](crate::DevTenant::declared_api_key) returns
/// the key itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeclaredApiKey {
    /// The name on the pages.
    pub name: String,
    /// The owner.
    pub owner: KeyOwner,
    /// The `scopes` of the key's metadata.
    pub scopes: Vec<String>,
}

/// A validated `tenant.toml`.
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
///     name = "Harriet (sample)"
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
    api_keys: Vec<DeclaredApiKey>,
}

impl TenantConfig {
    /// Parses and validates a `tenant.toml`.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the first problem and its line.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        parse::parse(text)
    }

    /// Returns the sample company, with ten scopes, four roles and two people in each role.
    #[expect(clippy::missing_panics_doc, reason = "a test validates the embedded file")]
    pub fn sample() -> Self {
        Self::from_toml(include_str!("../../tenant.toml")).expect("the embedded tenant.toml is valid")
    }

    /// Returns the configuration of [`starter_toml`](Self::starter_toml), for a server that has no `tenant.toml` yet.
    ///
    /// ```
    /// use toolgate_dev_tenant::{ScopeInfo, TenantConfig};
    ///
    /// let scopes = [
    ///     ScopeInfo::new("ticket:read:all", "Read all tickets."),
    ///     ScopeInfo::new("ticket:write:update", "Change the status of tickets."),
    /// ];
    /// let config = TenantConfig::from_scopes("Example Company (sample)", &scopes)?;
    /// assert_eq!(config.role("Admin").unwrap().scopes, ["ticket:read:all", "ticket:write:update"]);
    /// assert_eq!(config.role("Member").unwrap().scopes, ["ticket:read:all"]);
    /// # Ok::<(), toolgate_dev_tenant::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if a name is not a scope token or occurs twice. Its line is that of the text of `starter_toml`.
    pub fn from_scopes(organization: &str, scopes: &[ScopeInfo]) -> Result<Self, ConfigError> {
        Self::from_toml(&Self::starter_toml(organization, scopes))
    }

    /// Returns the text of a first `tenant.toml`, with comments: all scopes, the role `Admin` with all of them, the role
    /// `Member` with those whose names say that they only read, and one person of sample data in each role.
    ///
    /// Write it to a file for the user to edit. The ids of its people are always the same, so that their tokens and
    /// logins survive when the file is written after the first start.
    pub fn starter_toml(organization: &str, scopes: &[ScopeInfo]) -> String {
        starter::text(organization, scopes)
    }

    /// Returns the organization.
    pub fn organization(&self) -> &Organization {
        &self.organization
    }

    /// Returns all scopes, in the order of the file.
    pub fn scopes(&self) -> &[ScopeInfo] {
        &self.scopes
    }

    /// Returns all roles, in the order of the file.
    pub fn roles(&self) -> &[Role] {
        &self.roles
    }

    /// Returns the role with this name.
    pub fn role(&self, name: &str) -> Option<&Role> {
        self.roles.iter().find(|role| role.name == name)
    }

    /// Returns all people, in the order of the file and with the roles of the file.
    pub fn people(&self) -> &[Person] {
        &self.people
    }

    /// Returns the API keys that the file declares, in their order.
    pub fn api_keys(&self) -> &[DeclaredApiKey] {
        &self.api_keys
    }
}

/// Reasons why a `tenant.toml` is invalid.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The text is not TOML, or a table is missing, misspelled or of the wrong type.
    #[error("tenant.toml cannot be parsed: {0}")]
    Toml(#[from] toml::de::Error),
    /// A scope is not a scope token of RFC 6749 section 3.3.
    #[error(
        "tenant.toml line {line}: `{scope}` is not a scope token; use visible ASCII characters except quotes and \
         backslashes (RFC 6749 section 3.3)"
    )]
    InvalidScope {
        /// Number of the line, counted from 1.
        line: usize,
        /// The scope as written.
        scope: String,
    },
    /// Two entries have the same name or id.
    #[error("tenant.toml line {line}: duplicate {kind} `{name}`; rename or remove one of them")]
    Duplicate {
        /// Number of the line of the second entry, counted from 1.
        line: usize,
        /// Kind of the entry, such as `scope` or `person id`.
        kind: &'static str,
        /// The duplicate name.
        name: String,
    },
    /// A role lists a scope that the file does not define.
    #[error(
        "tenant.toml line {line}: the role `{role}` lists the scope `{scope}`, which no [[scopes]] \
         entry defines; define it or remove it here"
    )]
    UnknownScope {
        /// Number of the line, counted from 1.
        line: usize,
        /// The role that lists the scope.
        role: String,
        /// The unknown scope.
        scope: String,
    },
    /// An API key lists a scope that the file does not define.
    #[error(
        "tenant.toml line {line}: the API key `{key}` lists the scope `{scope}`, which no [[scopes]] entry defines; define \
         it or remove it here"
    )]
    UnknownKeyScope {
        /// Number of the line, counted from 1.
        line: usize,
        /// The name of the key.
        key: String,
        /// The unknown scope.
        scope: String,
    },
    /// An API key has an unknown owner.
    #[error(
        "tenant.toml line {line}: `{owner}` is not the owner of an API key; use `organization`, `generic`, or the e-mail \
         address of a person"
    )]
    UnknownKeyOwner {
        /// Number of the line, counted from 1.
        line: usize,
        /// The owner as written.
        owner: String,
    },
    /// A person has a role that the file does not define.
    #[error(
        "tenant.toml line {line}: {person} has the role `{role}`, which no [[roles]] entry defines; \
         define it or use one of {roles}"
    )]
    UnknownRole {
        /// Number of the line, counted from 1.
        line: usize,
        /// The person's name.
        person: String,
        /// The unknown role.
        role: String,
        /// The defined roles, separated by commas.
        roles: String,
    },
    /// A required value is empty.
    #[error("tenant.toml line {line}: the {kind} is empty; enter one")]
    Empty {
        /// Number of the line, counted from 1.
        line: usize,
        /// Kind of the value, such as `person id`.
        kind: &'static str,
    },
}

/// Returns whether a text is a scope token, `1*( %x21 / %x23-5B / %x5D-7E )` in RFC 6749 section 3.3.
pub(crate) fn is_scope_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}
