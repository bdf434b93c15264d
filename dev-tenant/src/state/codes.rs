//! Authorization codes, each for one use by one client with one verifier.

use serde::{Deserialize, Serialize};

use crate::clock::now;
use crate::oauth::{AuthorizationRequest, Client, CodeChallenge, CodeVerifier, OAuthError};
use crate::secret::{Digest, random_secret};

use super::grants::{Grant, GrantId};
use super::{MAX_RECORDS, State};

/// An authorization code, stored under its digest. A spent code stays stored, so that a replay is detected.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Code {
    pub(super) grant: GrantId,
    pub(super) redirect_uri: String,
    pub(super) challenge: CodeChallenge,
    pub(super) expires_at: u64,
    pub(super) spent: bool,
}

/// The parameters with which a client redeems a code.
pub(crate) struct Redemption<'a> {
    pub(crate) code: &'a str,
    pub(crate) verifier: &'a CodeVerifier,
    /// OAuth 2.0 clients repeat it; OAuth 2.1 clients omit it.
    pub(crate) redirect_uri: Option<&'a str>,
    pub(crate) resource: Option<&'a str>,
}

impl State {
    /// Stores a consent as a grant and issues a code for it.
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
            issued_at: now(),
        });
        let code = random_secret();
        let record = Code {
            grant,
            redirect_uri: request.redirection.redirect_uri.clone(),
            challenge: request.challenge.clone(),
            expires_at: now().saturating_add(lifetime),
            spent: false,
        };
        let key = Digest::of(&code);
        self.codes.put_bounded(key.as_str(), record, MAX_RECORDS, |code| code.expires_at);
        code
    }

    /// Returns whether a code can still be redeemed.
    pub(crate) fn is_code_redeemable(&self, code: &str) -> bool {
        let code = self.codes.get(Digest::of(code).as_str());
        code.is_some_and(|code| !code.spent && code.expires_at > now())
    }

    /// Redeems a code. A second redemption revokes the grant of the code (OAuth 2.1 section 4.1.3).
    pub(crate) fn redeem_code(
        &mut self,
        client: &Client,
        redemption: &Redemption<'_>,
    ) -> Result<GrantId, OAuthError> {
        self.sweep();
        let key = Digest::of(redemption.code);
        let code = self.codes.get(key.as_str()).ok_or(OAuthError::InvalidGrant(
            "the code is unknown or was revoked; start again at the authorization endpoint",
        ))?;
        let grant_id = code.grant.clone();
        if code.spent {
            self.revoke_grant(&grant_id);
            return Err(OAuthError::InvalidGrant(
                "the code was redeemed before, so all tokens of its grant are revoked; start again at the \
                 authorization endpoint",
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
            return Err(OAuthError::InvalidGrant("`redirect_uri` must be the one of the authorization request"));
        }
        if !code.challenge.matches(redemption.verifier) {
            return Err(OAuthError::InvalidGrant("`code_verifier` does not match the `code_challenge`"));
        }
        grant.check_resource(redemption.resource)?;
        let spent = Code { spent: true, ..code.clone() };
        self.codes.put(key.as_str(), spent);
        Ok(grant_id)
    }
}
