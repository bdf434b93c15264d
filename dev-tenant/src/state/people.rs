//! People, as an administrator left them.

use serde::{Deserialize, Serialize};

use crate::config::{Person, TenantConfig};

use super::State;

/// What an administrator changed about a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PersonState {
    role: String,
    enabled: bool,
}

impl State {
    /// The person as they are now.
    pub(crate) fn person(&self, config: &TenantConfig, id: &str) -> Option<Person> {
        let person = config.people().iter().find(|person| person.id == id)?;
        Some(self.as_now(config, person))
    }

    /// All people as they are now, in the order of `tenant.toml`.
    pub(crate) fn people(&self, config: &TenantConfig) -> Vec<Person> {
        let people = config.people().iter();
        people.map(|person| self.as_now(config, person)).collect()
    }

    fn as_now(&self, config: &TenantConfig, person: &Person) -> Person {
        let mut person = person.clone();
        if let Some(state) = self.people.get(&person.id) {
            person.enabled = state.enabled;
            // A role that left tenant.toml since it was given counts for nothing.
            if config.role(&state.role).is_some() {
                person.role.clone_from(&state.role);
            }
        }
        person
    }

    /// Keeps what was changed about a person.
    pub(crate) fn put_person(&mut self, person: &Person) {
        let state = PersonState { role: person.role.clone(), enabled: person.enabled };
        self.people.put(&person.id, state);
    }
}
