//! Tokens of identity providers, as PropelAuth's backend API returns them.

use std::{
    collections::HashMap,
    time::{Duration, SystemTime},
};

use serde::Deserialize;

use crate::auth::ProviderToken;

#[derive(Deserialize)]
pub(super) struct TokenRecord {
    access_token: String,
    token_provider: Option<String>,
    /// Seconds since 1970.
    token_expiration: Option<u64>,
    authorized_scopes: Option<Vec<String>>,
}

/// Tokens of a user by provider.
#[derive(Deserialize)]
pub(super) struct ProviderTokens(HashMap<String, TokenRecord>);

/// Parses the token of a provider. Returns `None` if it is not one, or that of another provider.
pub(super) fn parse(body: &[u8], provider: &str) -> Option<TokenRecord> {
    let record: TokenRecord = serde_json::from_slice(body).ok()?;
    record.token_provider.as_deref().is_none_or(|other| other == provider).then_some(record)
}

impl TokenRecord {
    /// Returns the token, unless it has expired.
    pub(super) fn into_valid(self) -> Option<ProviderToken> {
        let token = ProviderToken::new(self.access_token).scopes(self.authorized_scopes.unwrap_or_default());
        let Some(seconds) = self.token_expiration else { return Some(token) };
        let expires_at = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))?;
        (expires_at > SystemTime::now()).then(|| token.expires_at(expires_at))
    }
}

impl ProviderTokens {
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }

    /// Returns the token of a provider, unless it has expired.
    pub(super) fn into_valid(mut self, provider: &str) -> Option<ProviderToken> {
        self.0.remove(provider)?.into_valid()
    }
}
