//! Directory of users: their records, and their access tokens at identity providers.

mod profile;
mod provider_token;
mod user_cache;
mod user_directory;

use async_trait::async_trait;
use thiserror::Error;

pub(crate) use self::user_directory::UserDirectory;
pub use self::{
    profile::{Membership, Profile},
    provider_token::{IdentityProvider, ProviderToken},
};
use super::Unavailable;

/// Returns the records of users, for [`Caller::profile`](super::Caller::profile) and
/// [`Caller::provider_token`](super::Caller::provider_token).
///
/// A [`TokenValidator`](super::TokenValidator::directory) returns it. The server caches what it returns, shares one request
/// between concurrent calls, and does not use it any more when the access of the user is revoked.
///
/// ```
/// use toolgate::auth::{Directory, DirectoryError, Profile, async_trait};
///
/// struct Staff;
///
/// #[async_trait]
/// impl Directory for Staff {
///     async fn profile(&self, user_id: &str) -> Result<Profile, DirectoryError> {
///         match user_id {
///             "harriet" => Ok(Profile::new("harriet").email("harriet@example.com")),
///             _ => Err(DirectoryError::NotFound),
///         }
///     }
/// }
/// ```
#[async_trait]
pub trait Directory: Send + Sync + 'static {
    /// Returns the record of a user.
    ///
    /// # Errors
    ///
    /// [`DirectoryError::NotFound`] if there is no such user, [`DirectoryError::Unavailable`] if this could not be
    /// determined.
    async fn profile(&self, user_id: &str) -> Result<Profile, DirectoryError>;

    /// Returns a valid access token of a user at an identity provider, which has the name of
    /// [`IdentityProvider::NAME`].
    ///
    /// # Errors
    ///
    /// [`DirectoryError::NotFound`] if the user has none, [`DirectoryError::Unavailable`] if this could not be determined.
    async fn provider_token(&self, user_id: &str, provider: &str) -> Result<ProviderToken, DirectoryError> {
        let _ = (user_id, provider);
        Err(DirectoryError::NotFound)
    }
}

/// Reason why there is no profile or no token of an identity provider. In an operation, `?` converts it into an internal
/// error, whose text the caller does not see.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum DirectoryError {
    /// The caller acts for no user, such as the API key of an organization.
    #[error("the caller acts for no user, so it has neither a profile nor a token of an identity provider")]
    NoUser,
    /// No validator of the server has a directory of the caller's users.
    #[error(
        "no validator of the server has a directory of the caller's users: see `TokenValidator::directory` and \
         `TokenValidator::user_namespace`"
    )]
    NoDirectory,
    /// The directory has no such user, or the user has no token of the identity provider.
    #[error("the directory has no such user, or the user has not logged in with the identity provider")]
    NotFound,
    /// The access of the user was revoked several times during the request.
    #[error("the access of the user was revoked during the request to the directory")]
    Revoked,
    /// The directory did not respond, or its response could not be read.
    #[error("the directory of users is not available: {0}")]
    Unavailable(#[from] Unavailable),
}
