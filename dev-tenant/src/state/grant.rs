//! What a person granted to an application, and the tokens that came of it.

/// Names a [`Grant`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct GrantId(pub(crate) String);

/// One consent. Every token belongs to one, and is revoked with it.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) person: String,
    pub(crate) client_id: String,
    /// The `aud` of its tokens.
    pub(crate) resource: Option<String>,
}

/// An access token, stored under its digest.
#[derive(Clone, Debug)]
pub(crate) struct AccessToken {
    pub(crate) grant: GrantId,
    pub(crate) scopes: Vec<String>,
    pub(crate) issued_at: u64,
    pub(crate) expires_at: u64,
}
