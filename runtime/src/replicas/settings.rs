//! How replicas find each other.

use std::{sync::Arc, time::Duration};

use secrecy::{ExposeSecret as _, SecretSlice, SecretString};

use super::{Replica, answers::Answers, link::Link, seal::Seal};
use crate::auth::Revocations;

const DEFAULT_PREFIX: &str = "toolgate";
/// In bytes.
const SHORTEST_SECRET: usize = 32;

/// The Redis that the replicas of a server share.
///
/// ```
/// use toolgate::replicas::Replicas;
///
/// # fn secret() -> Vec<u8> { vec![7; 32] }
/// let replicas = Replicas::redis("rediss://:password@redis.internal:6379").key_prefix("company").shared_cache(secret());
/// assert!(!format!("{replicas:?}").contains("password"));
/// ```
#[must_use]
pub struct Replicas {
    /// `None` if the address cannot be one.
    client: Option<redis::Client>,
    prefix: String,
    secret: Option<SecretSlice<u8>>,
}

impl Replicas {
    /// By way of this Redis: `redis://[user]:[password]@host:port/database`, or `rediss://` for TLS. Redis 5 or newer;
    /// not a cluster. An address that cannot be one is a problem of [`Server::build`](crate::Server::build).
    pub fn redis(url: impl Into<SecretString>) -> Self {
        let url = url.into();
        if url.expose_secret().starts_with("rediss:") {
            // Where several are linked in, rustls would not know which to take. If one was chosen already, it stays.
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        }
        let client = redis::Client::open(url.expose_secret()).ok();
        Self { client, prefix: DEFAULT_PREFIX.to_owned(), secret: None }
    }

    /// What the names of all keys begin with; default: `toolgate`. Replicas with the same prefix hear each other.
    pub fn key_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Lets the replicas share what the authorization server said about tokens, so that each token is asked about once
    /// and not once by every replica.
    ///
    /// The secret is the same on all replicas and known to nobody else: at least 32 bytes that nobody can guess. With
    /// it, Redis holds neither tokens nor anything readable about them, and whoever has access to Redis, but not to the
    /// secret, cannot make up an answer.
    pub fn shared_cache(mut self, secret: impl Into<Vec<u8>>) -> Self {
        self.secret = Some(secret.into().into());
        self
    }

    pub(crate) fn check(&self, problems: &mut Vec<String>) {
        if self.client.is_none() {
            problems.push(
                "the address given to `Replicas::redis` is none of a Redis: write one such as redis://127.0.0.1:6379, \
                 or rediss://... for TLS"
                    .to_owned(),
            );
        }
        let legal = |c: char| c.is_ascii_graphic() && !"{}*?[]".contains(c);
        if self.prefix.is_empty() || !self.prefix.chars().all(legal) {
            problems.push(
                "`Replicas::key_prefix` is for a short name of ASCII characters without white space, such as toolgate"
                    .to_owned(),
            );
        }
        if self.secret.as_ref().is_some_and(|secret| secret.expose_secret().len() < SHORTEST_SECRET) {
            problems.push(format!(
                "the secret given to `Replicas::shared_cache` is too short: it takes {SHORTEST_SECRET} random bytes, \
                 such as those of `openssl rand 32`"
            ));
        }
    }

    /// This replica, which hears the others as soon as it listens. `None` if a problem was found.
    pub(crate) fn replica(
        self,
        revocations: Arc<Revocations>,
        cache_ttl: Duration,
        resource: &str,
    ) -> Option<Arc<Replica>> {
        let link = Arc::new(Link::new(self.client?, &self.prefix));
        let answers = match self.secret {
            None => None,
            Some(secret) => {
                let seal = Seal::new(secret.expose_secret(), resource)?;
                Some(Answers::new(Arc::clone(&link), seal, &self.prefix, cache_ttl))
            }
        };
        Some(Arc::new(Replica::new(link, answers, revocations)))
    }
}

/// The address, which may hold a password, stays out, and so does the secret.
impl std::fmt::Debug for Replicas {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replicas")
            .field("prefix", &self.prefix)
            .field("shared_cache", &self.secret.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(replicas: &Replicas) -> Vec<String> {
        let mut problems = Vec::new();
        replicas.check(&mut problems);
        problems
    }

    #[test]
    fn what_cannot_be_is_a_problem_that_repeats_no_secret() {
        assert!(problems(&Replicas::redis("redis://127.0.0.1:1").shared_cache([7; 32])).is_empty());
        let wrong = [
            Replicas::redis("hunter2://redis"),
            Replicas::redis("redis://127.0.0.1:1").key_prefix("hunter2 "),
            Replicas::redis("redis://127.0.0.1:1").shared_cache("hunter2"),
        ];
        for replicas in wrong {
            let problems = problems(&replicas);
            assert!(problems.len() == 1 && !problems[0].contains("hunter2"), "{problems:?}");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let replicas = Replicas::redis("redis://:hunter2@127.0.0.1:1").shared_cache("hunter2".repeat(5));
        assert_eq!(format!("{replicas:?}"), r#"Replicas { prefix: "toolgate", shared_cache: true, .. }"#);
    }
}
