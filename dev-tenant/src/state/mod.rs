//! What changes while the tenant runs.

mod grant;
mod table;

pub(crate) use grant::{AccessToken, Grant};

use crate::clock::now;
use crate::config::{Person, Role, TenantConfig};
use crate::secret::{Digest, random_secret};

use grant::GrantId;
use table::Table;

/// How often expired records are swept, in seconds.
const SWEEP_EVERY: u64 = 60;

/// Everything that changes. The configuration beside it never does.
#[derive(Debug, Default)]
pub(crate) struct State {
    people: Table<PersonState>,
    grants: Table<Grant>,
    access_tokens: Table<AccessToken>,
    swept_at: u64,
}

/// What an administrator changed about a person.
#[derive(Clone, Debug, PartialEq, Eq)]
struct PersonState {
    role: String,
    enabled: bool,
}

/// An access token that is good right now, with whom it belongs to.
pub(crate) struct LiveToken<'a> {
    pub(crate) person: Person,
    pub(crate) role: &'a Role,
    pub(crate) grant: &'a Grant,
    pub(crate) token: &'a AccessToken,
}

impl LiveToken<'_> {
    /// The token's scopes that the person's role can grant right now.
    pub(crate) fn scopes(&self) -> Vec<&str> {
        self.token
            .scopes
            .iter()
            .map(String::as_str)
            .filter(|scope| self.role.grants(scope))
            .collect()
    }
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
        let state = PersonState {
            role: person.role.clone(),
            enabled: person.enabled,
        };
        self.people.put(&person.id, state);
    }

    /// Keeps a grant and answers its id.
    pub(crate) fn put_grant(&mut self, grant: Grant) -> GrantId {
        self.sweep();
        let id = random_secret();
        self.grants.put(&id, grant);
        GrantId(id)
    }

    /// Issues an access token of a grant.
    pub(crate) fn issue_access_token(&mut self, grant: &GrantId, scopes: Vec<String>, lifetime: u64) -> String {
        let token = random_secret();
        let issued_at = now();
        let record = AccessToken {
            grant: grant.clone(),
            scopes,
            issued_at,
            expires_at: issued_at.saturating_add(lifetime),
        };
        self.access_tokens.put(Digest::of(&token).as_str(), record);
        token
    }

    /// Looks an access token up. `None` if it is unknown, expired or revoked, or its person disabled.
    pub(crate) fn live_token<'a>(&'a self, config: &'a TenantConfig, token: &str) -> Option<LiveToken<'a>> {
        let token = self.access_tokens.get(Digest::of(token).as_str())?;
        let grant = self.grants.get(&token.grant.0)?;
        let person = self.person(config, &grant.person)?;
        let role = config.role(&person.role)?;
        let alive = token.expires_at > now() && person.enabled;
        alive.then_some(LiveToken {
            person,
            role,
            grant,
            token,
        })
    }

    /// Revokes every grant for which `goes` holds, with all its tokens, and answers how many went.
    pub(crate) fn revoke_grants(&mut self, mut goes: impl FnMut(&GrantId, &Grant) -> bool) -> usize {
        let revoked = self
            .grants
            .remove_where(|id, grant| goes(&GrantId(id.to_owned()), grant));
        if revoked > 0 {
            self.remove_orphans();
        }
        revoked
    }

    fn remove_orphans(&mut self) {
        let grants = &self.grants;
        let orphaned = |grant: &GrantId| grants.get(&grant.0).is_none();
        self.access_tokens.remove_where(|_, token| orphaned(&token.grant));
    }

    /// Removes what has expired, at most once a minute.
    fn sweep(&mut self) {
        let now = now();
        if now < self.swept_at.saturating_add(SWEEP_EVERY) {
            return;
        }
        self.swept_at = now;
        self.access_tokens.remove_where(|_, token| token.expires_at <= now);
    }
}
