//! Access token of a user at an identity provider.

use std::{fmt, time::SystemTime};

use secrecy::{ExposeSecret, SecretString};

use super::user_cache::UserValue;

/// Identity provider with which users log in, such as Google. The type is the parameter of
/// [`Caller::provider_token`](crate::Caller::provider_token).
///
/// ```
/// use toolgate::auth::IdentityProvider;
///
/// enum Dropbox {}
///
/// impl IdentityProvider for Dropbox {
///     const NAME: &'static str = "dropbox";
/// }
/// ```
pub trait IdentityProvider {
    /// Name of the provider in the directory.
    const NAME: &'static str;
}

/// Access token of a user at an identity provider.
///
/// `Debug` does not show it, and it is not serializable. Send it to the provider's API only.
#[derive(Clone)]
pub struct ProviderToken {
    token: SecretString,
    expires_at: Option<SystemTime>,
    scopes: Vec<String>,
}

/// The token belongs to the user, in no organization of the directory.
impl UserValue for ProviderToken {
    fn organizations(&self) -> impl Iterator<Item = &str> {
        std::iter::empty()
    }
}

impl ProviderToken {
    /// Creates a token.
    pub fn new(token: impl Into<SecretString>) -> Self {
        Self { token: token.into(), expires_at: None, scopes: Vec::new() }
    }

    /// Sets the time at which the token expires.
    #[must_use]
    pub fn expires_at(mut self, at: SystemTime) -> Self {
        self.expires_at = Some(at);
        self
    }

    /// Sets the scopes of the token at the provider.
    #[must_use]
    pub fn scopes(mut self, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Returns the token, for the `Authorization` header of a request to the provider.
    pub fn expose(&self) -> &str {
        self.token.expose_secret()
    }

    /// Returns the time at which the token expires, if the directory has it.
    pub fn expiry(&self) -> Option<SystemTime> {
        self.expires_at
    }

    /// Returns the scopes of the token at the provider, if the directory has them.
    pub fn granted_scopes(&self) -> &[String] {
        &self.scopes
    }

    pub(super) fn bytes(&self) -> usize {
        let scopes = self.scopes.iter().map(|scope| scope.len() + size_of::<String>() + 16);
        size_of::<Self>() + self.expose().len() + scopes.sum::<usize>()
    }
}

/// Omits the token.
impl fmt::Debug for ProviderToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderToken")
            .field("expires_at", &self.expires_at)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}
