//! Access tokens and refresh tokens.

use crate::clock::now;
use crate::config::{Person, Role, TenantConfig};
use crate::oauth::{Client, OAuthError};
use crate::secret::{Digest, random_secret};

use super::State;
use super::grant::{AccessToken, Grant, GrantId, RefreshToken};

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
        self.token.scopes.iter().map(String::as_str).filter(|scope| self.role.grants(scope)).collect()
    }
}

impl State {
    /// Issues an access token of a grant.
    pub(crate) fn issue_access_token(&mut self, grant: &GrantId, scopes: Vec<String>, lifetime: u64) -> String {
        let token = random_secret();
        let issued_at = now();
        let record =
            AccessToken { grant: grant.clone(), scopes, issued_at, expires_at: issued_at.saturating_add(lifetime) };
        self.access_tokens.put(Digest::of(&token).as_str(), record);
        token
    }

    /// Issues a refresh token of a grant.
    pub(crate) fn issue_refresh_token(&mut self, grant: &GrantId, lifetime: u64) -> String {
        let token = random_secret();
        let record = RefreshToken { grant: grant.clone(), expires_at: now().saturating_add(lifetime), spent: false };
        self.refresh_tokens.put(Digest::of(&token).as_str(), record);
        token
    }

    /// Looks an access token up. `None` if it is unknown, expired or revoked, or its person disabled.
    pub(crate) fn live_token<'a>(&'a self, config: &'a TenantConfig, token: &str) -> Option<LiveToken<'a>> {
        let token = self.access_tokens.get(Digest::of(token).as_str())?;
        let grant = self.grant(&token.grant)?;
        let person = self.person(config, &grant.person)?;
        let role = config.role(&person.role)?;
        let alive = token.expires_at > now() && person.enabled;
        alive.then_some(LiveToken { person, role, grant, token })
    }

    /// Looks up what a refresh token belongs to, without using it up. One that was used before revokes its whole
    /// family: either the client or a thief has it, and nobody can tell which (OAuth 2.1 section 4.3.1).
    pub(crate) fn check_refresh_token(
        &mut self,
        client: &Client,
        token: &str,
        resource: Option<&str>,
    ) -> Result<GrantId, OAuthError> {
        self.sweep();
        let record =
            self.refresh_tokens.get(Digest::of(token).as_str()).filter(|record| record.expires_at > now()).ok_or(
                OAuthError::InvalidGrant(
                    "the refresh token is unknown, expired or revoked; start again at the authorization endpoint",
                ),
            )?;
        let (id, spent) = (record.grant.clone(), record.spent);
        let grant = self.grant(&id).ok_or(OAuthError::InvalidGrant(
            "the refresh token was revoked; start again at the authorization endpoint",
        ))?;
        if grant.client_id != client.id {
            return Err(OAuthError::InvalidGrant("the refresh token was issued to another client"));
        }
        if spent {
            self.revoke_grant(&id);
            return Err(OAuthError::InvalidGrant(
                "the refresh token was used before, so all tokens of its family are revoked",
            ));
        }
        grant.check_resource(resource)?;
        Ok(id)
    }

    /// Uses a refresh token up.
    pub(crate) fn spend_refresh_token(&mut self, token: &str) {
        let key = Digest::of(token);
        if let Some(record) = self.refresh_tokens.get(key.as_str()) {
            let spent = RefreshToken { spent: true, ..record.clone() };
            self.refresh_tokens.put(key.as_str(), spent);
        }
    }

    /// Revokes a token of a client (RFC 7009): a refresh token with its whole grant, an access token alone.
    /// One that is unknown or another client's is left as it is.
    pub(crate) fn revoke_token(&mut self, client: &Client, token: &str) {
        let key = Digest::of(token);
        let is_of_client = |state: &Self, id: &GrantId| state.grant(id).is_some_and(|g| g.client_id == client.id);
        if let Some(record) = self.refresh_tokens.get(key.as_str()) {
            let id = record.grant.clone();
            if is_of_client(self, &id) {
                self.revoke_grant(&id);
            }
        } else if let Some(record) = self.access_tokens.get(key.as_str())
            && is_of_client(self, &record.grant)
        {
            self.access_tokens.remove(key.as_str());
        }
    }
}
