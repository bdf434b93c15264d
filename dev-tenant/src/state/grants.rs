//! Grants: what a person allowed an application to do.

use serde::{Deserialize, Serialize};

use crate::oauth::OAuthError;
use crate::resource::same_resource;
use crate::secret::random_secret;

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
