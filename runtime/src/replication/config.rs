//! Configuration of replication.

use std::{sync::Arc, time::Duration};

use secrecy::{ExposeSecret as _, SecretSlice, SecretString};

#[cfg(feature = "rates")]
use super::SharedRates;
use super::{
    Replica, SealedRecords, encryption::EncryptionKeys, redis_client::RedisClient, shared_cache::SharedCache,
};
use crate::{auth::RevocationClock, error::BuildProblem};

const DEFAULT_PREFIX: &str = "toolgate";
/// Minimum length of the secret, in bytes.
const MIN_SECRET_BYTES: usize = 32;

/// Redis server that the replicas of a server share.
///
/// ```
/// use toolgate::replication::Replication;
///
/// # fn secret() -> Vec<u8> { vec![7; 32] }
/// let replication =
///     Replication::redis("rediss://:password@redis.internal:6379").key_prefix("company").shared_cache(secret());
/// assert!(!format!("{replication:?}").contains("password"));
/// ```
#[must_use]
pub struct Replication {
    /// `None` if the URL is invalid.
    pub(super) client: Option<redis::Client>,
    pub(super) prefix: String,
    pub(super) secret: Option<SecretSlice<u8>>,
}

impl Replication {
    /// Connects the replicas through a Redis server: `redis://[user]:[password]@host:port/database`, or `rediss://`
    /// for TLS. It must be Redis 5 or later; Redis Cluster is not supported. [`Server::build`](crate::Server::build)
    /// returns an error for an invalid URL.
    pub fn redis(url: impl Into<SecretString>) -> Self {
        let url = url.into();
        if url.expose_secret().starts_with("rediss:") {
            // If several cryptography providers are linked, rustls does not select one. One that the program has
            // installed is not replaced.
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        }
        let client = redis::Client::open(url.expose_secret()).ok();
        Self { client, prefix: DEFAULT_PREFIX.to_owned(), secret: None }
    }

    /// Takes the options of another value, but not its URL.
    pub(crate) fn with_options_of(mut self, other: Option<Self>) -> Self {
        if let Some(other) = other {
            (self.prefix, self.secret) = (other.prefix, other.secret);
        }
        self
    }

    /// Sets the prefix of all keys in Redis. Replicas with the same prefix share revocations. Default: `toolgate`.
    pub fn key_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Shares introspection responses between the replicas, so that each token is introspected once and not once per
    /// replica. The replicas then also share [tasks](crate::tasks).
    ///
    /// The secret is the same on all replicas and has at least 32 random bytes, such as those of `openssl rand 32`.
    /// Redis then contains neither tokens nor readable claims, and a client of Redis without the secret cannot forge
    /// a response.
    pub fn shared_cache(mut self, secret: impl Into<Vec<u8>>) -> Self {
        self.secret = Some(secret.into().into());
        self
    }

    /// Returns every invalid setting.
    pub(crate) fn problems(&self) -> Vec<BuildProblem> {
        let mut problems = Vec::new();
        if self.client.is_none() {
            problems.push(BuildProblem::RedisUrl);
        }
        let is_legal = |c: char| c.is_ascii_graphic() && !"{}*?[]".contains(c);
        if self.prefix.is_empty() || !self.prefix.chars().all(is_legal) {
            problems.push(BuildProblem::RedisKeyPrefix);
        }
        if self.secret.as_ref().is_some_and(|secret| secret.expose_secret().len() < MIN_SECRET_BYTES) {
            problems.push(BuildProblem::ShortSharedCacheSecret { minimum: MIN_SECRET_BYTES });
        }
        problems
    }

    /// Creates this replica. It receives revocations after [`Replica::start`].
    ///
    /// # Errors
    ///
    /// Returns the first of [`problems`](Self::problems).
    pub(crate) fn into_replica(
        self,
        revocation_clock: Arc<RevocationClock>,
        cache_ttl: Duration,
        resource: &str,
    ) -> Result<Arc<Replica>, BuildProblem> {
        if let Some(problem) = self.problems().into_iter().next() {
            return Err(problem);
        }
        let client = self.client.ok_or(BuildProblem::RedisUrl)?;
        let redis = Arc::new(RedisClient::new(client, &self.prefix));
        #[cfg(feature = "rates")]
        let rates = SharedRates::new(Arc::clone(&redis), &self.prefix, resource);
        let records = self.secret.as_ref().map(|secret| {
            let keys = EncryptionKeys::of_tasks(secret.expose_secret(), resource);
            Arc::new(SealedRecords::new(Arc::clone(&redis), keys, &self.prefix))
        });
        let shared_cache = self.secret.map(|secret| {
            let keys = EncryptionKeys::new(secret.expose_secret(), resource);
            SharedCache::new(Arc::clone(&redis), keys, &self.prefix, cache_ttl)
        });
        Ok(Arc::new(Replica::new(
            redis,
            shared_cache,
            records,
            #[cfg(feature = "rates")]
            rates,
            revocation_clock,
        )))
    }
}

/// Omits the URL, which may contain a password, and the secret.
impl std::fmt::Debug for Replication {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replication")
            .field("prefix", &self.prefix)
            .field("shared_cache", &self.secret.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_setting_is_a_problem_whose_text_contains_no_secret() {
        let into_replica = |replication: Replication| {
            let clock = Arc::new(RevocationClock::new(Duration::from_mins(5)));
            replication.into_replica(clock, Duration::from_mins(5), "r")
        };
        let valid = Replication::redis("redis://127.0.0.1:1").shared_cache([7; 32]);
        assert_eq!(valid.problems(), []);
        assert!(into_replica(valid).is_ok());
        for (replication, problem) in [
            (Replication::redis("hunter2://redis"), BuildProblem::RedisUrl),
            (Replication::redis("redis://127.0.0.1:1").key_prefix("hunter2 "), BuildProblem::RedisKeyPrefix),
            (
                Replication::redis("redis://127.0.0.1:1").shared_cache("hunter2"),
                BuildProblem::ShortSharedCacheSecret { minimum: 32 },
            ),
        ] {
            assert!(!problem.to_string().contains("hunter2"), "{problem}");
            assert_eq!(replication.problems(), std::slice::from_ref(&problem));
            assert_eq!(into_replica(replication).err(), Some(problem));
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let replication = Replication::redis("redis://:hunter2@127.0.0.1:1").shared_cache("hunter2".repeat(5));
        assert_eq!(format!("{replication:?}"), r#"Replication { prefix: "toolgate", shared_cache: true, .. }"#);
    }
}
