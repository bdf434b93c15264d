//! Preflight check of the settings for API keys.

use super::{
    PropelAuthApiKeys, random_key,
    request::{self, KeyRequestError, KeyStatus},
};
use crate::auth::{Diagnostic, code};

/// Checks that PropelAuth reports a random key as invalid, which requires a valid backend key.
pub(super) async fn diagnostics(keys: &PropelAuthApiKeys) -> Option<Diagnostic> {
    let url = keys.auth_url.api_key_validation_url();
    match request::validate(&keys.http, &url, &keys.backend_key, &random_key()).await {
        Ok(KeyStatus::Inactive) => None,
        Ok(KeyStatus::Active(_)) => Some(Diagnostic::fatal("api_keys_not_trustworthy", not_trustworthy(&url))),
        Err(error) => {
            let code = match error {
                KeyRequestError::BackendKeyRejected(_) => code::CREDENTIALS_REJECTED,
                _ => code::UNAVAILABLE,
            };
            Some(Diagnostic::fatal(code, error.to_unavailable(&url).to_string()))
        }
    }
}

/// Returns the text about a server that accepts a random key.
pub(super) fn not_trustworthy(url: &str) -> String {
    format!(
        "{url} reports a random API key as valid, so it does not belong to PropelAuth: set PROPELAUTH_AUTH_URL to the \
         Auth URL that the dashboard shows under Backend Integration"
    )
}
