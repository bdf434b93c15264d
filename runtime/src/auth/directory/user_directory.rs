//! The directory of a server, behind its caches and limits.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use futures_util::FutureExt as _;
use tokio::sync::Semaphore;

use super::{
    Directory, DirectoryError, Profile, ProviderToken,
    user_cache::{Loaded, UserCache},
};
use crate::auth::{RevocationClock, Unavailable, UserNamespace};

/// Time for which a profile is used, and the maximum time for which the token of an identity provider is.
const TTL: Duration = Duration::from_mins(1);
/// Time before its expiry from which on the token of an identity provider is not used.
const EXPIRY_MARGIN: Duration = Duration::from_secs(30);
/// Maximum number of concurrent requests to the directory.
const MAX_CONCURRENT_REQUESTS: usize = 64;
/// Maximum time that a request waits for one of the [`MAX_CONCURRENT_REQUESTS`].
const QUEUE_TIMEOUT: Duration = Duration::from_secs(2);

/// Directory of users with caches.
pub(crate) struct UserDirectory {
    directory: Arc<dyn Directory>,
    /// Namespace of the users that the directory has.
    users: UserNamespace,
    profiles: UserCache<Profile>,
    provider_tokens: UserCache<ProviderToken>,
    requests: Arc<Semaphore>,
}

impl UserDirectory {
    pub(crate) fn new(directory: Arc<dyn Directory>, users: UserNamespace, clock: &Arc<RevocationClock>) -> Self {
        Self {
            directory,
            users,
            profiles: UserCache::new(Arc::clone(clock)),
            provider_tokens: UserCache::new(Arc::clone(clock)),
            requests: Arc::new(Semaphore::new(MAX_CONCURRENT_REQUESTS)),
        }
    }

    pub(crate) fn users(&self) -> UserNamespace {
        self.users
    }

    pub(crate) async fn profile(&self, user: &str) -> Result<Arc<Profile>, DirectoryError> {
        let load = || {
            let (directory, user) = (Arc::clone(&self.directory), user.to_owned());
            let request = async move { directory.profile(&user).await };
            let requests = Arc::clone(&self.requests);
            async move {
                let value = limited(&requests, request).await?;
                Ok(Loaded { bytes: value.bytes(), value, ttl: TTL })
            }
            .boxed()
        };
        self.profiles.get(user, user, load).await
    }

    pub(crate) async fn provider_token(
        &self,
        user: &str,
        provider: &'static str,
    ) -> Result<Arc<ProviderToken>, DirectoryError> {
        let load = || {
            let (directory, user) = (Arc::clone(&self.directory), user.to_owned());
            let request = async move { directory.provider_token(&user, provider).await };
            let requests = Arc::clone(&self.requests);
            async move {
                let value = limited(&requests, request).await?;
                let remaining = value.expiry().map(|at| at.duration_since(SystemTime::now()).unwrap_or_default());
                let ttl = remaining.map_or(TTL, |remaining| remaining.saturating_sub(EXPIRY_MARGIN).min(TTL));
                Ok(Loaded { bytes: value.bytes(), value, ttl })
            }
            .boxed()
        };
        // The name of a provider has no control character, so that no two pairs have the same key.
        self.provider_tokens.get(user, &format!("{provider}\0{user}"), load).await
    }
}

async fn limited<T>(
    requests: &Semaphore,
    request: impl Future<Output = Result<T, DirectoryError>>,
) -> Result<T, DirectoryError> {
    let Ok(Ok(_permit)) = tokio::time::timeout(QUEUE_TIMEOUT, requests.acquire()).await else {
        return Err(Unavailable::new("too many concurrent requests to the directory of users").into());
    };
    request.await
}
