//! What an authorization server says about a token.

use std::{fmt, time::SystemTime};

use serde_json::{Map, Value};

/// What a [`TokenValidator`](super::TokenValidator) learned about a valid token.
///
/// Every part may be missing: nothing is made up in its place. Scopes and audience decide about access; the rest is
/// for policies, for the audit and for the author's code.
///
/// ```
/// use toolgate::auth::Claims;
///
/// let claims = Claims::new()
///     .subject("6f3c…")
///     .organization("1d2e…", "HR")
///     .scopes(["employees:read:public"])
///     .audience(["https://mcp.example.com/mcp"]);
/// # let _ = claims;
/// ```
#[derive(Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Claims {
    /// Whom the token acts for: `sub`, PropelAuth's user ID.
    pub subject: Option<String>,
    /// The OAuth client that holds the token: `client_id`.
    pub client_id: Option<String>,
    /// A name for people to read: `username`.
    pub username: Option<String>,
    /// The organization: `org_id`.
    pub org_id: Option<String>,
    /// The role in that organization: `org_role`.
    pub org_role: Option<String>,
    /// The scopes that the token carries: `scope`.
    pub scopes: Vec<String>,
    /// Which resources the token is for: `aud`.
    pub audience: Audience,
    /// When the token ends: `exp`.
    pub expires_at: Option<SystemTime>,
    /// The whole answer, for claims that have no field here.
    pub raw: Map<String, Value>,
}

/// Which resources a token is for (RFC 8707).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Audience {
    /// The authorization server did not say.
    #[default]
    Unknown,
    /// These; the server refuses the token unless it is among them.
    Resources(Vec<String>),
    /// The validator checked by itself that the token is for this server.
    Verified,
}

impl Claims {
    /// Claims that say nothing: a token of nobody, with no scopes, for no known resource.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets whom the token acts for.
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// Sets which client holds the token.
    pub fn client_id(mut self, client_id: impl Into<String>) -> Self {
        self.client_id = Some(client_id.into());
        self
    }

    /// Sets the organization and the role in it.
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

    /// Sets which resources the token is for.
    pub fn audience(mut self, resources: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.audience = Audience::Resources(resources.into_iter().map(Into::into).collect());
        self
    }

    /// Says that the token was checked to be for this server.
    pub fn audience_verified(mut self) -> Self {
        self.audience = Audience::Verified;
        self
    }

    /// Sets when the token ends.
    pub fn expires_at(mut self, at: SystemTime) -> Self {
        self.expires_at = Some(at);
        self
    }

    /// About how many bytes these claims take.
    pub(crate) fn size(&self) -> usize {
        let texts = [&self.subject, &self.client_id, &self.username, &self.org_id, &self.org_role];
        size_of::<Self>()
            + texts.iter().filter_map(|text| text.as_ref().map(String::len)).sum::<usize>()
            + self.scopes.iter().map(|scope| size_of::<String>() + scope.len()).sum::<usize>()
            + self.raw.iter().map(|(key, value)| key.len() + value_size(value)).sum::<usize>()
    }

    pub(crate) fn is_expired(&self, now: SystemTime) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}

fn value_size(value: &Value) -> usize {
    let inside = match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len(),
        Value::Array(values) => values.iter().map(value_size).sum(),
        Value::Object(object) => object.iter().map(|(key, value)| key.len() + value_size(value)).sum(),
    };
    size_of::<Value>() + inside
}

/// The raw answer stays out: who logs claims wants to know who it was, not everything that is known of them.
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
