//! Access tokens and refresh tokens.

use serde::{Deserialize, Serialize};

use crate::clock::now;
use crate::config::{Person, Role, TenantConfig};
use crate::oauth::{Client, OAuthError};
use crate::secret::{Digest, random_secret};

use super::grants::{Grant, GrantId};
use super::{MAX_RECORDS, State};

/// An access token, stored under its digest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct AccessToken {
    pub(crate) grant: GrantId,
    pub(crate) scopes: Vec<String>,
    pub(crate) issued_at: u64,
    pub(crate) expires_at: u64,
}

/// A refresh token, stored under its digest. A spent token stays stored, so that a replay is detected.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct RefreshToken {
    pub(super) grant: GrantId,
    pub(super) expires_at: u64,
    pub(super) spent: bool,
}

/// An access token that is active now, with its grant and its person.
pub(crate) struct ActiveToken<'a> {
    pub(crate) person: Person,
    pub(crate) role: &'a Role,
    pub(crate) grant: &'a Grant,
    pub(crate) token: &'a AccessToken,
}

impl ActiveToken<'_> {
    /// Returns the scopes of the token that the person's current role can grant.
    pub(crate) fn scopes(&self) -> Vec<&str> {
        self.token.scopes.iter().map(String::as_str).filter(|scope| self.role.grants(scope)).collect()
    }
}

impl State {
    /// Issues an access token for a grant.
    pub(crate) fn issue_access_token(&mut self, grant: &GrantId, scopes: Vec<String>, lifetime: u64) -> String {
        let token = random_secret();
        let issued_at = now();
        let record =
            AccessToken { grant: grant.clone(), scopes, issued_at, expires_at: issued_at.saturating_add(lifetime) };
        let key = Digest::of(&token);
        self.access_tokens.put_bounded(key.as_str(), record, MAX_RECORDS, |token| token.expires_at);
        token
    }

    /// Issues a refresh token for a grant.
    pub(crate) fn issue_refresh_token(&mut self, grant: &GrantId, lifetime: u64) -> String {
        let token = random_secret();
        let record = RefreshToken { grant: grant.clone(), expires_at: now().saturating_add(lifetime), spent: false };
        let key = Digest::of(&token);
        self.refresh_tokens.put_bounded(key.as_str(), record, MAX_RECORDS, |token| token.expires_at);
        token
    }

    /// Looks up an access token. Returns `None` if it is unknown, expired or revoked, or if its person is disabled.
    pub(crate) fn active_token<'a>(&'a self, config: &'a TenantConfig, token: &str) -> Option<ActiveToken<'a>> {
        let token = self.access_tokens.get(Digest::of(token).as_str())?;
        let grant = self.grant(&token.grant)?;
        let person = self.person(config, &grant.person)?;
        let role = config.role(&person.role)?;
        let active = token.expires_at > now() && person.enabled;
        active.then_some(ActiveToken { person, role, grant, token })
    }

    /// Checks a refresh token without spending it, and returns its grant.
    ///
    /// A spent token revokes its grant: the client and a thief both had the token, and the server cannot distinguish
    /// them (OAuth 2.1 section 4.3.1).
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
                "the refresh token was used before, so all tokens of its grant are revoked; start again at the \
                 authorization endpoint",
            ));
        }
        grant.check_resource(resource)?;
        Ok(id)
    }

    /// Marks a refresh token as spent.
    pub(crate) fn spend_refresh_token(&mut self, token: &str) {
        let key = Digest::of(token);
        if let Some(record) = self.refresh_tokens.get(key.as_str()) {
            let spent = RefreshToken { spent: true, ..record.clone() };
            self.refresh_tokens.put(key.as_str(), spent);
        }
    }

    /// Revokes a token of a client (RFC 7009): an access token alone, a refresh token with its grant.
    ///
    /// It ignores a token that is unknown or belongs to another client.
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
