//! Grants: what a person allowed an application to do.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::oauth::{Client, OAuthError};
use crate::resource::same_resource;
use crate::secret::random_secret;
use crate::text::shown;

use super::{MAX_RECORDS, State};

/// Number of grants at which those without a code or token are removed before the next sweep is due.
const MAX_GRANTS: usize = 4 * MAX_RECORDS;

/// The key of a [`Grant`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct GrantId(pub(super) String);

/// One consent. Every code and token belongs to one grant and is revoked with it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Grant {
    pub(crate) person: String,
    pub(crate) client_id: String,
    /// The `aud` of its tokens.
    pub(crate) resource: Option<String>,
    pub(crate) scopes: Vec<String>,
    /// Time of the consent, in seconds since the Unix epoch. Earlier versions did not store it.
    #[serde(default)]
    pub(crate) issued_at: u64,
}

/// A grant as administrators see it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct GrantView {
    /// The key of the grant. It is not a secret of the client.
    pub(crate) id: String,
    pub(crate) person: String,
    pub(crate) client_id: String,
    /// The name of the application, or its client id if it is not registered.
    pub(crate) application: String,
    pub(crate) resource: Option<String>,
    pub(crate) scopes: Vec<String>,
    pub(crate) issued_at: u64,
}

impl Grant {
    /// Rejects a token request for another resource than the granted one (RFC 8707 section 2.2).
    pub(super) fn check_resource(&self, requested: Option<&str>) -> Result<(), OAuthError> {
        match (requested, &self.resource) {
            (None, _) => Ok(()),
            (Some(requested), Some(granted)) if same_resource(requested, granted) => Ok(()),
            _ => Err(OAuthError::InvalidTarget("`resource` must be the one of the authorization request".to_owned())),
        }
    }
}

impl State {
    /// Returns the number of grants that a person has given.
    pub(crate) fn grants_of(&self, person: &str) -> usize {
        self.grants.values().filter(|grant| grant.person == person).count()
    }

    /// Returns the newest grants, and the number of all.
    pub(crate) fn newest_grants(&mut self, max: usize) -> (Vec<GrantView>, usize) {
        self.sweep();
        let mut grants: Vec<_> = self.grants.iter().collect();
        grants.sort_unstable_by_key(|&(id, grant)| (Reverse(grant.issued_at), id));
        let views = grants.iter().take(max).map(|(id, grant)| self.view(id, grant)).collect();
        (views, grants.len())
    }

    fn view(&self, id: &str, grant: &Grant) -> GrantView {
        let client = self.client(&grant.client_id);
        GrantView {
            id: id.to_owned(),
            person: grant.person.clone(),
            client_id: grant.client_id.clone(),
            application: client.map_or_else(|| shown(&grant.client_id), Client::display_name),
            resource: grant.resource.clone(),
            scopes: grant.scopes.clone(),
            issued_at: grant.issued_at,
        }
    }

    /// Returns the distinct resources of the grants, sorted.
    pub(crate) fn resources(&self) -> BTreeSet<&str> {
        self.grants.values().filter_map(|grant| grant.resource.as_deref()).collect()
    }

    /// Revokes the grant with this key, with its codes and tokens. Returns what it was.
    pub(crate) fn revoke_grant_by_key(&mut self, key: &str) -> Option<GrantView> {
        let view = self.view(key, self.grants.get(key)?);
        self.revoke_grants_where(|id, _| id == key);
        Some(view)
    }

    /// Stores a new grant.
    pub(crate) fn put_grant(&mut self, grant: Grant) -> GrantId {
        if self.grants.len() >= MAX_GRANTS {
            // A sweep leaves at most one grant for each code and token.
            self.swept_at = 0;
        }
        self.sweep();
        let id = random_secret();
        self.grants.put(&id, grant);
        GrantId(id)
    }

    /// Returns a grant, or `None` if it was revoked or swept.
    pub(crate) fn grant(&self, id: &GrantId) -> Option<&Grant> {
        self.grants.get(&id.0)
    }

    /// Revokes a grant with its codes and tokens.
    pub(crate) fn revoke_grant(&mut self, id: &GrantId) {
        self.revoke_grants_where(|key, _| key == id.0);
    }

    /// Revokes every grant of a person with its codes and tokens. Returns the number of grants.
    pub(crate) fn revoke_grants_of(&mut self, person: &str) -> usize {
        self.revoke_grants_where(|_, grant| grant.person == person)
    }

    fn revoke_grants_where(&mut self, selects: impl FnMut(&str, &Grant) -> bool) -> usize {
        let revoked = self.grants.remove_where(selects);
        if revoked > 0 {
            let grants = &self.grants;
            let orphaned = |grant: &GrantId| grants.get(&grant.0).is_none();
            self.codes.remove_where(|_, code| orphaned(&code.grant));
            self.access_tokens.remove_where(|_, token| orphaned(&token.grant));
            self.refresh_tokens.remove_where(|_, token| orphaned(&token.grant));
        }
        revoked
    }
}
