//! The tenant's state: everything that changes while it runs.

mod api_keys;
mod clients;
mod codes;
mod grants;
mod history;
mod people;
mod sessions;
mod table;
#[cfg(test)]
mod tests;
mod tokens;

pub(crate) use api_keys::{ApiKey, BackendKey};
pub(crate) use codes::Redemption;
pub(crate) use grants::{Grant, GrantId, GrantView};
pub(crate) use history::{Action, HistoryEntry};

use std::collections::HashSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::browser::FormKey;
use crate::clock::now;
use crate::data::{Journal, Records};
use crate::oauth::Client;
use crate::secret::random_secret;

use codes::Code;
use people::PersonChanges;
use sessions::Session;
use table::Table;
use tokens::{AccessToken, RefreshToken};

/// Minimum time between two sweeps of expired records, in seconds.
const SWEEP_INTERVAL: u64 = 60;

/// Maximum number of stored codes, of access tokens, and of refresh tokens. At the maximum, the one that expires first is
/// removed.
const MAX_RECORDS: usize = 20_000;

/// The credentials of resource servers at the introspection endpoint.
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

/// All records of the tenant. Each method leaves them consistent and is in the file of the records that it is about.
#[derive(Debug)]
pub(crate) struct State {
    credentials: Table<IntrospectionCredentials>,
    backend_keys: Table<BackendKey>,
    form_keys: Table<FormKey>,
    sessions: Table<Session>,
    people: Table<PersonChanges>,
    clients: Table<Client>,
    grants: Table<Grant>,
    codes: Table<Code>,
    access_tokens: Table<AccessToken>,
    refresh_tokens: Table<RefreshToken>,
    api_keys: Table<ApiKey>,
    history: Table<HistoryEntry>,
    swept_at: u64,
}

impl State {
    /// Restores the stored state. Further changes are sent to the journal.
    pub(crate) fn restore(mut stored: Records, journal: &Journal) -> Self {
        Self {
            credentials: Table::restore("credentials", &mut stored, journal),
            backend_keys: Table::restore("backend_key", &mut stored, journal),
            form_keys: Table::restore("form_key", &mut stored, journal),
            sessions: Table::restore("session", &mut stored, journal),
            people: Table::restore("person", &mut stored, journal),
            clients: Table::restore("client", &mut stored, journal),
            grants: Table::restore("grant", &mut stored, journal),
            codes: Table::restore("code", &mut stored, journal),
            access_tokens: Table::restore("access_token", &mut stored, journal),
            refresh_tokens: Table::restore("refresh_token", &mut stored, journal),
            api_keys: Table::restore("api_key", &mut stored, journal),
            history: Table::restore("history", &mut stored, journal),
            swept_at: 0,
        }
    }

    /// Returns the introspection credentials. They are created on the first start.
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

    /// Removes expired records, at most once a minute, so that memory and lookups do not grow with the uptime.
    ///
    /// It also removes grants without a usable code or token. It must therefore not run between spending a code or
    /// refresh token and issuing the new tokens; callers run it before they look one up.
    fn sweep(&mut self) {
        let now = now();
        if now < self.swept_at.saturating_add(SWEEP_INTERVAL) {
            return;
        }
        self.swept_at = now;
        self.access_tokens.remove_where(|_, token| token.expires_at <= now);
        self.refresh_tokens.remove_where(|_, token| token.expires_at <= now);
        self.api_keys.remove_where(|_, key| key.expires_at.is_some_and(|at| at <= now));
        self.codes.remove_where(|_, code| code.expires_at <= now && !code.spent);
        let mut in_use: HashSet<&str> = HashSet::new();
        in_use.extend(self.access_tokens.values().map(|token| &*token.grant.0));
        in_use.extend(self.refresh_tokens.values().map(|token| &*token.grant.0));
        in_use.extend(self.codes.values().filter(|code| !code.spent).map(|code| &*code.grant.0));
        self.grants.remove_where(|id, _| !in_use.contains(id));
        let grants = &self.grants;
        self.codes.remove_where(|_, code| grants.get(&code.grant.0).is_none());
    }
}
