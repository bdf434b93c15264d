//! Parsing and validation of `tenant.toml`.

use std::collections::HashSet;

use serde::Deserialize;
use toml::Spanned;

use crate::api_key::KeyOwner;

use super::{ConfigError, DeclaredApiKey, Organization, Person, Role, ScopeInfo, TenantConfig, is_scope_token};

/// Parses and validates a `tenant.toml`.
pub(super) fn parse(text: &str) -> Result<TenantConfig, ConfigError> {
    let file: File = toml::from_str(text)?;
    Validator { text }.validate(file)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    organization: Organization,
    scopes: Vec<ScopeEntry>,
    roles: Vec<RoleEntry>,
    people: Vec<PersonEntry>,
    #[serde(default)]
    api_keys: Vec<ApiKeyEntry>,
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
    #[serde(default)]
    providers: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ApiKeyEntry {
    name: Spanned<String>,
    owner: Spanned<String>,
    #[serde(default)]
    scopes: Vec<Spanned<String>>,
}

/// Validates the entries in their order. It holds the text to find the line of an entry.
struct Validator<'a> {
    text: &'a str,
}

impl Validator<'_> {
    fn validate(&self, file: File) -> Result<TenantConfig, ConfigError> {
        let scopes = self.scopes(file.scopes)?;
        let roles = self.roles(file.roles, &scopes)?;
        let people = self.people(file.people, &roles)?;
        let api_keys = self.api_keys(file.api_keys, &scopes, &people)?;
        Ok(TenantConfig { organization: file.organization, scopes, roles, people, api_keys })
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
            self.require_unique(&mut seen, "scope", &entry.name)?;
            scopes.push(ScopeInfo { name: entry.name.into_inner(), description: entry.description });
        }
        Ok(scopes)
    }

    fn roles(&self, entries: Vec<RoleEntry>, scopes: &[ScopeInfo]) -> Result<Vec<Role>, ConfigError> {
        let mut seen = HashSet::new();
        let mut roles = Vec::with_capacity(entries.len());
        for entry in entries {
            self.require_unique(&mut seen, "role", &entry.name)?;
            let mut listed = HashSet::new();
            for scope in &entry.scopes {
                self.require_unique(&mut listed, "scope of the role", scope)?;
                if !scopes.iter().any(|defined| defined.name == *scope.get_ref()) {
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
            self.require_unique(&mut ids, "person id", &entry.id)?;
            self.require_unique(&mut emails, "e-mail address", &entry.email)?;
            if !roles.iter().any(|role| role.name == *entry.role.get_ref()) {
                let roles: Vec<_> = roles.iter().map(|role| role.name.as_str()).collect();
                return Err(ConfigError::UnknownRole {
                    line: self.line(&entry.role),
                    person: entry.name.into_inner(),
                    role: entry.role.into_inner(),
                    roles: roles.join(", "),
                });
            }
            people.push(Person {
                id: entry.id.into_inner(),
                name: entry.name.into_inner(),
                email: entry.email.into_inner(),
                role: entry.role.into_inner(),
                providers: entry.providers,
                enabled: true,
            });
        }
        Ok(people)
    }

    fn api_keys(
        &self,
        entries: Vec<ApiKeyEntry>,
        scopes: &[ScopeInfo],
        people: &[Person],
    ) -> Result<Vec<DeclaredApiKey>, ConfigError> {
        let mut seen = HashSet::new();
        let mut keys = Vec::with_capacity(entries.len());
        for entry in entries {
            self.require_unique(&mut seen, "API key", &entry.name)?;
            let owner = match entry.owner.get_ref().as_str() {
                "organization" => KeyOwner::Organization,
                "generic" => KeyOwner::Nobody,
                email => {
                    let Some(person) = people.iter().find(|person| person.email == email) else {
                        let line = self.line(&entry.owner);
                        return Err(ConfigError::UnknownKeyOwner { line, owner: email.to_owned() });
                    };
                    KeyOwner::Person(person.id.clone())
                }
            };
            let mut listed = HashSet::new();
            for scope in &entry.scopes {
                self.require_unique(&mut listed, "scope of the API key", scope)?;
                if !scopes.iter().any(|defined| defined.name == *scope.get_ref()) {
                    return Err(ConfigError::UnknownKeyScope {
                        line: self.line(scope),
                        key: entry.name.into_inner(),
                        scope: scope.get_ref().clone(),
                    });
                }
            }
            keys.push(DeclaredApiKey {
                name: entry.name.into_inner(),
                owner,
                scopes: entry.scopes.into_iter().map(Spanned::into_inner).collect(),
            });
        }
        Ok(keys)
    }

    /// Rejects an empty value and a duplicate.
    fn require_unique(
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
