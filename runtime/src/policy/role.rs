//! Roles and the scopes that they can get.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::scope;

/// A role of an organization, and the scopes that its members can get from the authorization server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Role {
    /// Name of the role, which is also the organization role in a token.
    pub name: String,
    /// Scopes that a member can get.
    pub scopes: Vec<String>,
}

impl Role {
    /// Creates a role.
    pub fn new<S: Into<String>>(name: impl Into<String>, scopes: impl IntoIterator<Item = S>) -> Self {
        Self { name: name.into(), scopes: scopes.into_iter().map(Into::into).collect() }
    }

    /// Reads roles from TOML. Other tables are ignored, so that the file can also configure a development tenant.
    ///
    /// ```
    /// use toolgate::policy::Role;
    ///
    /// let roles = Role::from_toml(
    ///     r#"
    ///     [[roles]]
    ///     name = "HR"
    ///     scopes = ["employees:read:private", "payroll:read:all"]
    ///     "#,
    /// )?;
    /// assert_eq!(roles, [Role::new("HR", ["employees:read:private", "payroll:read:all"])]);
    /// # Ok::<(), toolgate::policy::RolesError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the text is not TOML, if it has no `[[roles]]`, or if a role, or a scope of a role, occurs twice.
    #[cfg(feature = "policy-files")]
    pub fn from_toml(text: &str) -> Result<Vec<Self>, RolesError> {
        #[derive(Deserialize)]
        struct File {
            #[serde(default)]
            roles: Vec<Role>,
        }
        let file: File = toml::from_str(text).map_err(|error| RolesError::Toml(error.to_string()))?;
        if file.roles.is_empty() {
            return Err(RolesError::NoRoles);
        }
        check_duplicates(&file.roles)?;
        Ok(file.roles)
    }
}

/// Reason why roles cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RolesError {
    /// A role has a scope that the policy does not contain.
    #[error("the role `{role}` has the scope `{scope}`, which is not in the list of scopes: {}", advice(.similar.as_ref()))]
    #[non_exhaustive]
    UnknownScope {
        /// Name of the role.
        role: String,
        /// The scope.
        scope: String,
        /// A similar scope of the policy.
        similar: Option<String>,
    },
    /// Two roles have the same name.
    #[error("duplicate role `{role}`: remove one, or rename it")]
    #[non_exhaustive]
    DuplicateRole {
        /// Name of the roles.
        role: String,
    },
    /// A role has a scope twice.
    #[error("duplicate scope `{scope}` of the role `{role}`: remove one")]
    #[non_exhaustive]
    DuplicateScope {
        /// Name of the role.
        role: String,
        /// The scope.
        scope: String,
    },
    /// The text is not TOML, or a role lacks its name or its scopes.
    #[error("the roles cannot be read: {0}")]
    Toml(String),
    /// The text has no roles.
    #[error("the file has no roles: add a `[[roles]]` table with `name` and `scopes` for each role")]
    NoRoles,
}

fn advice(similar: Option<&String>) -> String {
    match similar {
        Some(similar) => format!("did you mean `{similar}`?"),
        None => "remove it from the role, or add it to the list of scopes".to_owned(),
    }
}

/// Checks roles against the scopes of a policy.
pub(super) fn check(roles: &[Role], scopes: &[String]) -> Result<(), RolesError> {
    check_duplicates(roles)?;
    for role in roles {
        if let Some(scope) = role.scopes.iter().find(|scope| !scopes.contains(scope)) {
            return Err(RolesError::UnknownScope {
                role: role.name.clone(),
                scope: scope.clone(),
                similar: similar(scope, scopes),
            });
        }
    }
    Ok(())
}

fn check_duplicates(roles: &[Role]) -> Result<(), RolesError> {
    let mut names = HashSet::new();
    for role in roles {
        if !names.insert(&role.name) {
            return Err(RolesError::DuplicateRole { role: role.name.clone() });
        }
        let mut scopes = HashSet::new();
        if let Some(scope) = role.scopes.iter().find(|scope| !scopes.insert(*scope)) {
            return Err(RolesError::DuplicateScope { role: role.name.clone(), scope: scope.clone() });
        }
    }
    Ok(())
}

/// Returns the entry of `names` that is most similar to `text`.
pub(super) fn similar(text: &str, names: &[String]) -> Option<String> {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    scope::nearest(text, &names).map(str::to_owned)
}
