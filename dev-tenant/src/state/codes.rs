//! Authorization codes: one use, one client, one verifier.

use crate::clock::now;
use crate::oauth::{AuthorizationRequest, Client, CodeVerifier, OAuthError};
use crate::resource::same_resource;
use crate::secret::{Digest, random_secret};

use super::State;
use super::grant::{Code, Grant, GrantId};

/// What a client presents to redeem a code.
pub(crate) struct Redemption<'a> {
    pub(crate) code: &'a str,
    pub(crate) verifier: &'a CodeVerifier,
    /// OAuth 2.0 clients repeat it; OAuth 2.1 clients leave it out.
    pub(crate) redirect_uri: Option<&'a str>,
    pub(crate) resource: Option<&'a str>,
}

impl State {
    /// Issues a code for a consent.
    pub(crate) fn issue_code(
        &mut self,
        request: &AuthorizationRequest,
        person: &str,
        scopes: Vec<String>,
        lifetime: u64,
    ) -> String {
        let grant = self.put_grant(Grant {
            person: person.to_owned(),
            client_id: request.client.id.clone(),
            resource: Some(request.resource.clone()),
            scopes,
        });
        let code = random_secret();
        let record = Code {
            grant,
            redirect_uri: request.redirection.redirect_uri.clone(),
            challenge: request.challenge.clone(),
            expires_at: now().saturating_add(lifetime),
            spent: false,
        };
        self.codes.put(Digest::of(&code).as_str(), record);
        code
    }

    /// Whether the code could still be redeemed.
    pub(crate) fn code_is_fresh(&self, code: &str) -> bool {
        let code = self.codes.get(Digest::of(code).as_str());
        code.is_some_and(|code| !code.spent && code.expires_at > now())
    }

    /// Redeems a code. One that was redeemed before revokes everything that came of it
    /// (OAuth 2.1 section 4.1.3).
    pub(crate) fn redeem_code(
        &mut self,
        client: &Client,
        redemption: &Redemption<'_>,
    ) -> Result<GrantId, OAuthError> {
        self.sweep();
        let key = Digest::of(redemption.code);
        let code = self.codes.get(key.as_str()).ok_or(OAuthError::InvalidGrant(
            "the code is unknown, or was revoked; start again at the authorization endpoint",
        ))?;
        let grant_id = code.grant.clone();
        if code.spent {
            self.revoke_grant(&grant_id);
            return Err(OAuthError::InvalidGrant(
                "the code was used before, so all tokens that came of it are revoked",
            ));
        }
        let grant = self
            .grant(&grant_id)
            .ok_or(OAuthError::InvalidGrant("the code was revoked; start again at the authorization endpoint"))?;
        if grant.client_id != client.id {
            return Err(OAuthError::InvalidGrant("the code was issued to another client"));
        }
        if code.expires_at <= now() {
            return Err(OAuthError::InvalidGrant("the code has expired; start again at the authorization endpoint"));
        }
        if redemption.redirect_uri.is_some_and(|uri| uri != code.redirect_uri) {
            return Err(OAuthError::InvalidGrant("the redirect_uri is not the one of the authorization request"));
        }
        if !code.challenge.matches(redemption.verifier) {
            return Err(OAuthError::InvalidGrant("the code_verifier does not fit the code_challenge"));
        }
        grant.check_resource(redemption.resource)?;
        let spent = Code { spent: true, ..code.clone() };
        self.codes.put(key.as_str(), spent);
        Ok(grant_id)
    }
}

impl Grant {
    /// Refuses a `resource` of a token request other than the one that was granted (RFC 8707 section 2.2).
    pub(super) fn check_resource(&self, asked: Option<&str>) -> Result<(), OAuthError> {
        match (asked, &self.resource) {
            (None, _) => Ok(()),
            (Some(asked), Some(granted)) if same_resource(asked, granted) => Ok(()),
            _ => {
                Err(OAuthError::InvalidTarget("the resource is not the one of the authorization request".to_owned()))
            }
        }
    }
}
