//! What changes while the tenant runs.

mod clients;
mod codes;
mod grant;
mod people;
mod table;
#[cfg(test)]
mod tests;
mod tokens;

pub(crate) use codes::Redemption;
pub(crate) use grant::{Grant, GrantId};

use std::collections::HashSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clock::now;
use crate::data::{Journal, Records};
use crate::oauth::Client;
use crate::secret::random_secret;

use grant::{AccessToken, Code, RefreshToken};
use people::PersonState;
use table::Table;

/// What a resource server authenticates with at the introspection endpoint.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct IntrospectionCredentials {
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
}

impl fmt::Debug for IntrospectionCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntrospectionCredentials").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

/// How often expired records are swept, in seconds.
const SWEEP_EVERY: u64 = 60;

/// Everything that changes. The configuration beside it never does.
///
/// Each method leaves it consistent, and is in the file of the records that it is about.
#[derive(Debug)]
pub(crate) struct State {
    credentials: Table<IntrospectionCredentials>,
    people: Table<PersonState>,
    clients: Table<Client>,
    grants: Table<Grant>,
    codes: Table<Code>,
    access_tokens: Table<AccessToken>,
    refresh_tokens: Table<RefreshToken>,
    swept_at: u64,
}

impl State {
    /// The state as it was written down, or an empty one.
    pub(crate) fn restore(mut stored: Records, journal: &Journal) -> Self {
        Self {
            credentials: Table::restore("credentials", &mut stored, journal),
            people: Table::restore("person", &mut stored, journal),
            clients: Table::restore("client", &mut stored, journal),
            grants: Table::restore("grant", &mut stored, journal),
            codes: Table::restore("code", &mut stored, journal),
            access_tokens: Table::restore("access_token", &mut stored, journal),
            refresh_tokens: Table::restore("refresh_token", &mut stored, journal),
            swept_at: 0,
        }
    }

    /// The introspection credentials, made on the first start.
    pub(crate) fn introspection_credentials(&mut self) -> IntrospectionCredentials {
        const KEY: &str = "introspection";
        if let Some(credentials) = self.credentials.get(KEY) {
            return credentials.clone();
        }
        let credentials = IntrospectionCredentials {
            client_id: format!("dev-{}", &random_secret()[..16]),
            client_secret: random_secret(),
        };
        self.credentials.put(KEY, credentials.clone());
        credentials
    }

    /// How many grants a person has given.
    pub(crate) fn grants_of(&self, person: &str) -> usize {
        self.grants.values().filter(|grant| grant.person == person).count()
    }

    /// Keeps a grant and answers its id.
    pub(crate) fn put_grant(&mut self, grant: Grant) -> GrantId {
        self.sweep();
        let id = random_secret();
        self.grants.put(&id, grant);
        GrantId(id)
    }

    /// The grant, if it was not revoked.
    pub(crate) fn grant(&self, id: &GrantId) -> Option<&Grant> {
        self.grants.get(&id.0)
    }

    /// Revokes a grant with all that came of it.
    pub(crate) fn revoke_grant(&mut self, id: &GrantId) {
        self.revoke_grants_by(|key, _| key == id.0);
    }

    /// Revokes every grant of a person, with all tokens, and answers how many there were.
    pub(crate) fn revoke_grants_of(&mut self, person: &str) -> usize {
        self.revoke_grants_by(|_, grant| grant.person == person)
    }

    fn revoke_grants_by(&mut self, goes: impl FnMut(&str, &Grant) -> bool) -> usize {
        let revoked = self.grants.remove_where(goes);
        if revoked > 0 {
            let grants = &self.grants;
            let orphaned = |grant: &GrantId| grants.get(&grant.0).is_none();
            self.codes.remove_where(|_, code| orphaned(&code.grant));
            self.access_tokens.remove_where(|_, token| orphaned(&token.grant));
            self.refresh_tokens.remove_where(|_, token| orphaned(&token.grant));
        }
        revoked
    }

    /// Removes what has expired, at most once a minute, so that neither time nor memory grows with the past. It runs
    /// before a code, a refresh token or a consent is looked at, never between spending one and issuing what comes
    /// of it: a grant without anything that can be used goes.
    fn sweep(&mut self) {
        let now = now();
        if now < self.swept_at.saturating_add(SWEEP_EVERY) {
            return;
        }
        self.swept_at = now;
        self.access_tokens.remove_where(|_, token| token.expires_at <= now);
        self.refresh_tokens.remove_where(|_, token| token.expires_at <= now);
        self.codes.remove_where(|_, code| code.expires_at <= now && !code.spent);
        // A grant lives as long as something of it can still be used.
        let mut alive: HashSet<&str> = HashSet::new();
        alive.extend(self.access_tokens.values().map(|token| &*token.grant.0));
        alive.extend(self.refresh_tokens.values().map(|token| &*token.grant.0));
        alive.extend(self.codes.values().filter(|code| !code.spent).map(|code| &*code.grant.0));
        self.grants.remove_where(|id, _| !alive.contains(id));
        let grants = &self.grants;
        self.codes.remove_where(|_, code| grants.get(&code.grant.0).is_none());
    }
}
