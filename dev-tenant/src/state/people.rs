//! People of `tenant.toml` with the changes of an administrator.

use serde::{Deserialize, Serialize};

use crate::config::{Person, TenantConfig};

use super::State;

/// Changes of an administrator to a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PersonChanges {
    role: String,
    enabled: bool,
}

impl State {
    /// Returns a person with their current role and status.
    pub(crate) fn person(&self, config: &TenantConfig, id: &str) -> Option<Person> {
        let person = config.people().iter().find(|person| person.id == id)?;
        Some(self.with_changes(config, person))
    }

    /// Returns all people with their current role and status, in the order of `tenant.toml`.
    pub(crate) fn people(&self, config: &TenantConfig) -> Vec<Person> {
        let people = config.people().iter();
        people.map(|person| self.with_changes(config, person)).collect()
    }

    fn with_changes(&self, config: &TenantConfig, person: &Person) -> Person {
        let mut person = person.clone();
        if let Some(changes) = self.people.get(&person.id) {
            person.enabled = changes.enabled;
            // The role may have been removed from tenant.toml since.
            if config.role(&changes.role).is_some() {
                person.role.clone_from(&changes.role);
            }
        }
        person
    }

    /// Stores the role and status of a person.
    pub(crate) fn put_person(&mut self, person: &Person) {
        let changes = PersonChanges { role: person.role.clone(), enabled: person.enabled };
        self.people.put(&person.id, changes);
    }
}
