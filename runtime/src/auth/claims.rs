//! Claims of a validated token.

use std::{fmt, time::SystemTime};

use serde_json::{Map, Value};

use super::UserNamespace;

/// Claims that a [`TokenValidator`](super::TokenValidator) returns for a valid token.
///
/// All claims are optional. The server decides about access by [`scopes`](Self::scopes), [`audience`](Self::audience)
/// and [`expires_at`](Self::expires_at); the other claims identify the caller for policies, the audit log and tools.
/// The names in parentheses are those of the introspection response (RFC 7662, section 2.2) and of PropelAuth.
///
/// ```
/// use toolgate::auth::Claims;
///
/// let claims = Claims::new()
///     .subject("6f3c…")
///     .organization("1d2e…", "HR")
///     .scopes(["employees:read:public"])
///     .audience(["https://mcp.example.com/mcp"]);
/// assert_eq!(claims.org_role.as_deref(), Some("HR"));
/// ```
#[derive(Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Claims {
    /// ID of the user that the token acts for (`sub`).
    pub subject: Option<String>,
    /// ID of the OAuth client that the token was issued to (`client_id`).
    pub client_id: Option<String>,
    /// Human-readable name of the user, such as an e-mail address (`username`).
    pub username: Option<String>,
    /// ID of the organization that the token was issued for (`org_id`).
    pub org_id: Option<String>,
    /// Role of the user in that organization (`org_role`).
    pub org_role: Option<String>,
    /// Scopes of the token (`scope`).
    pub scopes: Vec<String>,
    /// Resources that the token was issued for (`aud`).
    pub audience: Audience,
    /// Time until which the token is accepted (`exp`, plus an accepted difference of the clocks).
    pub expires_at: Option<SystemTime>,
    /// Earliest time at which a self-contained token was issued; see [`self_contained`](Self::self_contained).
    pub self_contained_since: Option<SystemTime>,
    /// Namespace of `subject`, which the server sets.
    pub(crate) user_namespace: UserNamespace,
    /// Complete introspection response, including the claims without a field here.
    pub raw: Map<String, Value>,
}

/// Resources that a token was issued for (RFC 8707).
///
/// ```
/// use toolgate::auth::{Audience, Claims};
///
/// let claims = Claims::new().audience(["https://mcp.example.com/mcp"]);
/// assert_eq!(claims.audience, Audience::Resources(vec!["https://mcp.example.com/mcp".to_owned()]));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Audience {
    /// The authorization server does not report the resources.
    #[default]
    Unknown,
    /// URLs of the resources. The server rejects the token unless its own URL is one of them.
    Resources(Vec<String>),
    /// The validator has verified that the token was issued for this server.
    Verified,
}

impl Claims {
    /// Creates claims without a user, without scopes and with an unknown audience.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the ID of the user.
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// Sets the human-readable name of the user, such as an e-mail address.
    pub fn username(mut self, username: impl Into<String>) -> Self {
        self.username = Some(username.into());
        self
    }

    /// Sets the ID of the OAuth client.
    pub fn client_id(mut self, client_id: impl Into<String>) -> Self {
        self.client_id = Some(client_id.into());
        self
    }

    /// Sets the ID of the organization and the user's role in it.
    pub fn organization(mut self, org_id: impl Into<String>, role: impl Into<String>) -> Self {
        self.org_id = Some(org_id.into());
        self.org_role = Some(role.into());
        self
    }

    /// Sets the scopes.
    pub fn scopes(mut self, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the URLs of the resources that the token was issued for.
    pub fn audience(mut self, resources: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.audience = Audience::Resources(resources.into_iter().map(Into::into).collect());
        self
    }

    /// Sets the audience to [`Audience::Verified`].
    pub fn audience_verified(mut self) -> Self {
        self.audience = Audience::Verified;
        self
    }

    /// Sets the time at which the token expires.
    pub fn expires_at(mut self, at: SystemTime) -> Self {
        self.expires_at = Some(at);
        self
    }

    /// Marks the token as self-contained (RFC 7009, section 3): the validator has not asked the authorization server about
    /// it, so that a validation after a revocation would accept it again. `since` is the earliest time at which the token
    /// was issued, or [`SystemTime::UNIX_EPOCH`] if it does not say. Subtract the difference that the clocks may have.
    ///
    /// The server rejects the token if a [`Revocation`](super::Revocation) at this time or later concerns its user or
    /// organization.
    pub fn self_contained(mut self, since: SystemTime) -> Self {
        self.self_contained_since = Some(since);
        self
    }

    pub(crate) fn is_expired(&self, now: SystemTime) -> bool {
        self.expires_at.is_some_and(|expires_at| expires_at <= now)
    }
}

/// Omits `username` and `raw`, so that a log of claims contains no personal data beyond the IDs.
impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims")
            .field("subject", &self.subject)
            .field("client_id", &self.client_id)
            .field("org_id", &self.org_id)
            .field("org_role", &self.org_role)
            .field("scopes", &self.scopes)
            .field("audience", &self.audience)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}
