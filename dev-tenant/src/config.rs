//! `tenant.toml`: the organization, its scopes, its roles and its people.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use toml::Spanned;

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
        let file: File = toml::from_str(text)?;
        Checker { text }.check(file)
    }

    /// The sample company: ten scopes, four roles, two people in each.
    #[expect(clippy::missing_panics_doc, reason = "the embedded file is checked by a test")]
    pub fn sample() -> Self {
        Self::from_toml(include_str!("../tenant.toml")).expect("the embedded tenant.toml is checked by a test")
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

/// Why a `tenant.toml` was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Not TOML, or not in the shape of a `tenant.toml`.
    #[error("tenant.toml cannot be read: {0}")]
    Toml(#[from] toml::de::Error),
    /// A scope that RFC 6749 section 3.3 does not allow.
    #[error(
        "tenant.toml line {line}: `{scope}` is no scope token; use visible ASCII characters without \
         spaces, quotes and backslashes (RFC 6749 section 3.3)"
    )]
    InvalidScope {
        /// Where it stands, counted from 1.
        line: usize,
        /// The scope as written.
        scope: String,
    },
    /// Two entries with one name or id.
    #[error("tenant.toml line {line}: the {kind} `{name}` stands twice; rename one or remove it")]
    Duplicate {
        /// Where the second one stands, counted from 1.
        line: usize,
        /// `scope`, `role`, `person id` and the like.
        kind: &'static str,
        /// The doubled name.
        name: String,
    },
    /// A role with a scope that the file does not define.
    #[error(
        "tenant.toml line {line}: the role `{role}` lists the scope `{scope}`, which no [[scopes]] \
         entry defines; define it or remove it here"
    )]
    UnknownScope {
        /// Where it stands, counted from 1.
        line: usize,
        /// The role that lists it.
        role: String,
        /// The unknown scope.
        scope: String,
    },
    /// A person with a role that the file does not define.
    #[error(
        "tenant.toml line {line}: {person} has the role `{role}`, which no [[roles]] entry defines; \
         define it or use one of: {known}"
    )]
    UnknownRole {
        /// Where it stands, counted from 1.
        line: usize,
        /// The person's name.
        person: String,
        /// The unknown role.
        role: String,
        /// The roles that exist, comma separated.
        known: String,
    },
    /// A value that must not be empty.
    #[error("tenant.toml line {line}: the {kind} is empty; write one")]
    Empty {
        /// Where it stands, counted from 1.
        line: usize,
        /// What is empty.
        kind: &'static str,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    organization: Organization,
    scopes: Vec<ScopeEntry>,
    roles: Vec<RoleEntry>,
    people: Vec<PersonEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScopeEntry {
    name: Spanned<String>,
    description: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RoleEntry {
    name: Spanned<String>,
    scopes: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PersonEntry {
    id: Spanned<String>,
    name: Spanned<String>,
    email: Spanned<String>,
    role: Spanned<String>,
}

struct Checker<'a> {
    text: &'a str,
}

impl Checker<'_> {
    fn check(&self, file: File) -> Result<TenantConfig, ConfigError> {
        let scopes = self.scopes(file.scopes)?;
        let roles = self.roles(file.roles, &scopes)?;
        let people = self.people(file.people, &roles)?;
        Ok(TenantConfig {
            organization: file.organization,
            scopes,
            roles,
            people,
        })
    }

    fn scopes(&self, entries: Vec<ScopeEntry>) -> Result<Vec<ScopeInfo>, ConfigError> {
        let mut seen = HashSet::new();
        let mut scopes = Vec::with_capacity(entries.len());
        for entry in entries {
            if !is_scope_token(entry.name.get_ref()) {
                return Err(ConfigError::InvalidScope {
                    line: self.line(&entry.name),
                    scope: entry.name.into_inner(),
                });
            }
            self.once(&mut seen, "scope", &entry.name)?;
            scopes.push(ScopeInfo {
                name: entry.name.into_inner(),
                description: entry.description,
            });
        }
        Ok(scopes)
    }

    fn roles(&self, entries: Vec<RoleEntry>, scopes: &[ScopeInfo]) -> Result<Vec<Role>, ConfigError> {
        let mut seen = HashSet::new();
        let mut roles = Vec::with_capacity(entries.len());
        for entry in entries {
            self.once(&mut seen, "role", &entry.name)?;
            let mut held = HashSet::new();
            for scope in &entry.scopes {
                self.once(&mut held, "scope of the role", scope)?;
                if !scopes.iter().any(|known| known.name == *scope.get_ref()) {
                    return Err(ConfigError::UnknownScope {
                        line: self.line(scope),
                        role: entry.name.into_inner(),
                        scope: scope.get_ref().clone(),
                    });
                }
            }
            roles.push(Role {
                name: entry.name.into_inner(),
                scopes: entry.scopes.into_iter().map(Spanned::into_inner).collect(),
            });
        }
        Ok(roles)
    }

    fn people(&self, entries: Vec<PersonEntry>, roles: &[Role]) -> Result<Vec<Person>, ConfigError> {
        let (mut ids, mut emails) = (HashSet::new(), HashSet::new());
        let mut people = Vec::with_capacity(entries.len());
        for entry in entries {
            self.once(&mut ids, "person id", &entry.id)?;
            self.once(&mut emails, "e-mail address", &entry.email)?;
            if !roles.iter().any(|role| role.name == *entry.role.get_ref()) {
                let known: Vec<_> = roles.iter().map(|role| role.name.as_str()).collect();
                return Err(ConfigError::UnknownRole {
                    line: self.line(&entry.role),
                    person: entry.name.into_inner(),
                    role: entry.role.into_inner(),
                    known: known.join(", "),
                });
            }
            people.push(Person {
                id: entry.id.into_inner(),
                name: entry.name.into_inner(),
                email: entry.email.into_inner(),
                role: entry.role.into_inner(),
                enabled: true,
            });
        }
        Ok(people)
    }

    /// Refuses an empty value and one that was seen before.
    fn once(
        &self,
        seen: &mut HashSet<String>,
        kind: &'static str,
        value: &Spanned<String>,
    ) -> Result<(), ConfigError> {
        let line = self.line(value);
        if value.get_ref().trim().is_empty() {
            return Err(ConfigError::Empty { line, kind });
        }
        if !seen.insert(value.get_ref().clone()) {
            let name = value.get_ref().clone();
            return Err(ConfigError::Duplicate { line, kind, name });
        }
        Ok(())
    }

    fn line(&self, value: &Spanned<String>) -> usize {
        let before = self.text.get(..value.span().start).unwrap_or_default();
        before.matches('\n').count() + 1
    }
}

/// RFC 6749 section 3.3: `1*( %x21 / %x23-5B / %x5D-7E )`.
pub(crate) fn is_scope_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}
