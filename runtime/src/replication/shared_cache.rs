//! What the authorization server said about tokens, shared.
//!
//! Only a help: whatever goes wrong, the replica asks by itself.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use tokio::{sync::Semaphore, time::Instant};

use super::{
    encryption::{Keys, Name},
    redis_client::{RedisClient, RedisError},
    shared_entry::SharedEntry,
};
use crate::auth::{BearerToken, Claims, StreamPosition};

/// How long a request waits for Redis before it asks by itself.
const PATIENCE: Duration = Duration::from_millis(100);
/// How long nobody asks Redis after it did not answer.
const PAUSE: Duration = Duration::from_secs(1);
/// How many answers are being shared at most; past that, some are not.
const IN_FLIGHT: usize = 64;
/// In bytes.
const LARGEST: usize = 64 * 1024;
/// How far the clocks of two replicas may be apart.
const SKEW: Duration = Duration::from_secs(5);

pub(super) struct SharedCache {
    link: Arc<RedisClient>,
    seal: Arc<Keys>,
    prefix: String,
    ttl: Duration,
    turns: Arc<Semaphore>,
    health: Arc<Health>,
}

/// An answer that another replica got.
pub(super) struct Found {
    pub(super) place: StreamPosition,
    pub(super) claims: Claims,
    pub(super) asked_at: Instant,
}

/// Whether Redis is worth waiting for.
struct Health {
    epoch: Instant,
    /// In milliseconds after the epoch.
    paused_until: AtomicU64,
    failing: AtomicBool,
}

impl SharedCache {
    pub(super) fn new(link: Arc<RedisClient>, seal: Keys, prefix: &str, ttl: Duration) -> Self {
        Self {
            link,
            seal: Arc::new(seal),
            prefix: format!("{prefix}:token:"),
            ttl,
            turns: Arc::new(Semaphore::new(IN_FLIGHT)),
            health: Arc::new(Health {
                epoch: Instant::now(),
                paused_until: AtomicU64::new(0),
                failing: AtomicBool::new(false),
            }),
        }
    }

    pub(super) async fn find(&self, token: &BearerToken) -> Option<Found> {
        if self.ttl.is_zero() || self.health.is_paused() {
            return None;
        }
        let name = self.seal.name(token);
        let (value, remaining) = self.get(&name).await?;
        let found = self.read(token, &name, &value?, remaining);
        if found.is_none() {
            tracing::debug!("an answer about a token in Redis is not worth anything here");
        }
        found
    }

    async fn get(&self, name: &Name) -> Option<(Option<Vec<u8>>, i64)> {
        let mut pipeline = redis::pipe();
        let key = self.key(name);
        pipeline.cmd("GET").arg(&key).cmd("PTTL").arg(&key);
        let get = async {
            let mut connection = self.link.commands().await?;
            connection.pipeline("GET", &pipeline).await
        };
        let result = tokio::time::timeout(PATIENCE, get).await;
        self.health.noted(&self.link, result.unwrap_or(Err(RedisError::Silent)))
    }

    fn read(&self, token: &BearerToken, name: &Name, value: &[u8], remaining: i64) -> Option<Found> {
        let plain = self.seal.open(token, name, value)?;
        let sealed: SharedEntry = serde_json::from_slice(&plain).ok()?;
        // Two clocks tell its age, Redis' and those of the replicas; the one that says more is believed.
        let remaining = Duration::from_millis(u64::try_from(remaining).ok()?);
        let by_redis = sealed.lifetime().checked_sub(remaining)?;
        let age = match SystemTime::now().duration_since(sealed.asked_at()?) {
            Ok(age) => age.max(by_redis),
            Err(ahead) if ahead.duration() <= SKEW => by_redis,
            Err(_) => return None,
        };
        if age >= self.ttl.min(sealed.lifetime()) {
            return None;
        }
        let asked_at = Instant::now().checked_sub(age)?;
        Some(Found { place: sealed.place(), claims: sealed.into_claims()?, asked_at })
    }

    /// In the background: nobody waits for it.
    pub(super) fn share(&self, token: &BearerToken, place: &StreamPosition, asked_at: Instant, claims: &Claims) {
        if self.health.is_paused() {
            return;
        }
        let Ok(turn) = Arc::clone(&self.turns).try_acquire_owned() else { return };
        let Some((key, value, ends_at)) = self.sealed(token, place, asked_at, claims) else { return };
        let (link, health) = (Arc::clone(&self.link), Arc::clone(&self.health));
        tokio::spawn(async move {
            let set = async {
                let mut connection = link.commands().await?;
                let remaining = ends_at.saturating_duration_since(Instant::now()).as_millis();
                let remaining = u64::try_from(remaining).unwrap_or(u64::MAX);
                if remaining == 0 {
                    return Ok(());
                }
                let mut pipeline = redis::pipe();
                pipeline.cmd("SET").arg(key).arg(value).arg("PX").arg(remaining).ignore();
                connection.pipeline("SET", &pipeline).await
            };
            // Longer than a request waits: nobody does here.
            let result = tokio::time::timeout(10 * PATIENCE, set).await;
            health.noted(&link, result.unwrap_or(Err(RedisError::Silent)));
            drop(turn);
        });
    }

    fn sealed(
        &self,
        token: &BearerToken,
        place: &StreamPosition,
        asked_at: Instant,
        claims: &Claims,
    ) -> Option<(String, Vec<u8>, Instant)> {
        let asked = SystemTime::now().checked_sub(asked_at.elapsed())?;
        let left = match claims.expires_at {
            Some(end) => end.duration_since(asked).ok()?,
            None => self.ttl,
        };
        let lifetime = left.min(self.ttl);
        let sealed = SharedEntry::new(place, asked, lifetime, claims)?;
        let plain = serde_json::to_vec(&sealed).ok()?;
        if plain.len() > LARGEST {
            return None;
        }
        let name = self.seal.name(token);
        let value = self.seal.seal(token, &name, &plain)?;
        Some((self.key(&name), value, asked_at.checked_add(lifetime)?))
    }

    fn key(&self, name: &Name) -> String {
        format!("{}{}", self.prefix, name.as_str())
    }
}

impl Health {
    fn is_paused(&self) -> bool {
        self.epoch.elapsed() < Duration::from_millis(self.paused_until.load(Ordering::Relaxed))
    }

    /// What came of asking Redis. Says in the log when it begins to fail, and not for every failure.
    fn noted<T>(&self, link: &RedisClient, result: Result<T, RedisError>) -> Option<T> {
        match result {
            Ok(value) => {
                self.failing.store(false, Ordering::Relaxed);
                Some(value)
            }
            Err(reason) => {
                link.disconnect();
                let until = u64::try_from((self.epoch.elapsed() + PAUSE).as_millis()).unwrap_or(u64::MAX);
                self.paused_until.store(until, Ordering::Relaxed);
                if !self.failing.swap(true, Ordering::Relaxed) {
                    tracing::warn!(%reason, "answers about tokens are not shared with the other replicas: Redis fails");
                }
                None
            }
        }
    }
}
