//! Tokens of identity providers, as PropelAuth's backend API returns them.

use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{auth::ProviderToken, json_memory};

/// Maximum number of JSON values in the tokens of a user, including those inside of others.
const MAX_VALUES: usize = 4096;

/// A response does not have the form that PropelAuth documents.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unreadable;

#[derive(Deserialize)]
pub(super) struct TokenRecord {
    access_token: String,
    token_provider: Option<String>,
    /// Seconds since 1970.
    token_expiration: Option<u64>,
    authorized_scopes: Option<Vec<String>>,
}

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

/// Parses the tokens of a user by provider. Returns the record of one provider, if there is one. Other
/// records are not read.
///
/// # Errors
///
/// It is not an object, or the record of the provider is not one.
pub(super) fn of_provider(body: &[u8], provider: &str) -> Result<Option<TokenRecord>, Unreadable> {
    if json_memory::has_more_values_than(body, MAX_VALUES) {
        return Err(Unreadable);
    }
    let mut records: Map<String, Value> = serde_json::from_slice(body).map_err(|_| Unreadable)?;
    records.remove(provider).map(serde_json::from_value).transpose().map_err(|_| Unreadable)
}
