//! What a person granted to an application, and the tokens that came of it.

use serde::{Deserialize, Serialize};

use crate::oauth::CodeChallenge;

/// Names a [`Grant`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct GrantId(pub(super) String);

/// One consent. Every code and token belongs to one, and is revoked with it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Grant {
    pub(crate) person: String,
    pub(crate) client_id: String,
    /// The `aud` of its tokens.
    pub(crate) resource: Option<String>,
    pub(crate) scopes: Vec<String>,
}

/// An access token, stored under its digest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct AccessToken {
    pub(crate) grant: GrantId,
    pub(crate) scopes: Vec<String>,
    pub(crate) issued_at: u64,
    pub(crate) expires_at: u64,
}

/// A refresh token, stored under its digest. A spent one is kept, so that using it again is noticed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RefreshToken {
    pub(crate) grant: GrantId,
    pub(crate) expires_at: u64,
    pub(crate) spent: bool,
}

/// An authorization code, stored under its digest. A spent one is kept, so that using it again is noticed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Code {
    pub(crate) grant: GrantId,
    pub(crate) redirect_uri: String,
    pub(crate) challenge: CodeChallenge,
    pub(crate) expires_at: u64,
    pub(crate) spent: bool,
}
