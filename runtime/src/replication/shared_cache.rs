//! Shared token cache: introspection responses in Redis, encrypted, for all replicas.
//!
//! It is an optimization: after any failure, the replica sends the introspection request itself.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use tokio::{sync::Semaphore, time::Instant};

use super::{
    deadline::Deadline,
    encryption::{EncryptionKeys, EntryName},
    redis_client::{RedisClient, RedisError},
    shared_entry::SharedEntry,
};
use crate::{
    auth::{BearerToken, Claims, StreamPosition},
    duration::millis,
    json_memory,
};

/// Maximum time that a request waits for Redis.
const READ_TIMEOUT: Duration = Duration::from_millis(100);
/// Time limit of a write. It is longer, because no request waits for it.
const WRITE_TIMEOUT: Duration = Duration::from_secs(1);
/// Time after a failure during which the cache is not used.
const PAUSE: Duration = Duration::from_secs(1);
/// Maximum number of concurrent writes. More are skipped.
const MAX_CONCURRENT_WRITES: usize = 64;
/// Maximum size of an entry before encryption, in bytes. Larger ones are not shared.
const MAX_ENTRY_BYTES: usize = 64 * 1024;
/// Maximum number of JSON values in an entry, including those inside of others. A validator other than PropelAuth may
/// return more. Those entries are not shared.
const MAX_ENTRY_VALUES: usize = 4096 + 64;
/// Maximum difference between the clocks of two replicas.
const MAX_CLOCK_SKEW: Duration = Duration::from_secs(5);

/// Token cache in Redis that the replicas share.
pub(super) struct SharedCache {
    redis: Arc<RedisClient>,
    keys: EncryptionKeys,
    prefix: String,
    ttl: Duration,
    writes: Arc<Semaphore>,
    health: Arc<Health>,
}

/// Introspection response from the cache.
pub(super) struct CachedIntrospection {
    /// Stream position of the other replica from before the introspection request.
    pub(super) position: StreamPosition,
    pub(super) claims: Claims,
    /// Time of the introspection request.
    pub(super) requested_at: Instant,
}

/// Redis value with its key.
struct EncryptedEntry {
    key: String,
    value: Vec<u8>,
    expires_at: Instant,
}

/// Availability of Redis for the cache.
struct Health {
    paused_until: Deadline,
    is_failing: AtomicBool,
}

impl SharedCache {
    pub(super) fn new(redis: Arc<RedisClient>, keys: EncryptionKeys, prefix: &str, ttl: Duration) -> Self {
        Self {
            redis,
            keys,
            prefix: format!("{prefix}:token:"),
            ttl,
            writes: Arc::new(Semaphore::new(MAX_CONCURRENT_WRITES)),
            health: Arc::new(Health { paused_until: Deadline::passed(), is_failing: AtomicBool::new(false) }),
        }
    }

    pub(super) async fn get(&self, token: &BearerToken) -> Option<CachedIntrospection> {
        if self.ttl.is_zero() || self.health.is_paused() {
            return None;
        }
        let name = self.keys.entry_name(token.expose());
        let (value, remaining_millis) = self.read(&name).await?;
        let cached = self.decrypt(token, &name, &value?, remaining_millis);
        if cached.is_none() {
            tracing::debug!("ignored an invalid or expired entry of the shared token cache");
        }
        cached
    }

    /// Reads an entry and the milliseconds until it expires.
    async fn read(&self, name: &EntryName) -> Option<(Option<Vec<u8>>, i64)> {
        let mut pipeline = redis::pipe();
        let key = self.key(name);
        pipeline.cmd("GET").arg(&key).cmd("PTTL").arg(&key);
        let read = async {
            let mut connection = self.redis.command_connection().await?;
            connection.pipeline("GET", &pipeline).await
        };
        let result = tokio::time::timeout(READ_TIMEOUT, read).await;
        self.health.record(&self.redis, result.unwrap_or(Err(RedisError::Timeout)))
    }

    fn decrypt(
        &self,
        token: &BearerToken,
        name: &EntryName,
        value: &[u8],
        remaining_millis: i64,
    ) -> Option<CachedIntrospection> {
        let plaintext = self.keys.decrypt(token.expose(), name, value)?;
        if exceeds_limits(&plaintext) {
            return None;
        }
        let entry: SharedEntry = serde_json::from_slice(&plaintext).ok()?;
        // The age follows from Redis' clock and from the clocks of the replicas. The higher one is used.
        let remaining = Duration::from_millis(u64::try_from(remaining_millis).ok()?);
        let age_in_redis = entry.lifetime().checked_sub(remaining)?;
        let age = match SystemTime::now().duration_since(entry.requested_at()?) {
            Ok(age) => age.max(age_in_redis),
            Err(ahead) if ahead.duration() <= MAX_CLOCK_SKEW => age_in_redis,
            Err(_) => return None,
        };
        if age >= self.ttl.min(entry.lifetime()) {
            return None;
        }
        let requested_at = Instant::now().checked_sub(age)?;
        Some(CachedIntrospection { position: entry.position(), claims: entry.into_claims()?, requested_at })
    }

    /// Spawns a task that writes an introspection response to Redis.
    pub(super) fn insert(
        &self,
        token: &BearerToken,
        position: &StreamPosition,
        requested_at: Instant,
        claims: &Claims,
    ) {
        if self.ttl.is_zero() || self.health.is_paused() {
            return;
        }
        let Ok(permit) = Arc::clone(&self.writes).try_acquire_owned() else { return };
        let Some(entry) = self.encrypt(token, position, requested_at, claims) else { return };
        let (redis, health) = (Arc::clone(&self.redis), Arc::clone(&self.health));
        tokio::spawn(async move {
            let write = async {
                let mut connection = redis.command_connection().await?;
                let remaining = millis(entry.expires_at.saturating_duration_since(Instant::now()));
                if remaining == 0 {
                    return Ok(());
                }
                let mut pipeline = redis::pipe();
                pipeline.cmd("SET").arg(entry.key).arg(entry.value).arg("PX").arg(remaining).ignore();
                connection.pipeline("SET", &pipeline).await
            };
            let result = tokio::time::timeout(WRITE_TIMEOUT, write).await;
            health.record(&redis, result.unwrap_or(Err(RedisError::Timeout)));
            drop(permit);
        });
    }

    /// Encrypts an entry. `None` if it exceeds a limit or has expired.
    fn encrypt(
        &self,
        token: &BearerToken,
        position: &StreamPosition,
        requested_at: Instant,
        claims: &Claims,
    ) -> Option<EncryptedEntry> {
        let request_time = SystemTime::now().checked_sub(requested_at.elapsed())?;
        let token_lifetime = match claims.expires_at {
            Some(expires_at) => expires_at.duration_since(request_time).ok()?,
            None => self.ttl,
        };
        let lifetime = token_lifetime.min(self.ttl);
        let entry = SharedEntry::new(position, request_time, lifetime, claims)?;
        let plaintext = serde_json::to_vec(&entry).ok()?;
        if exceeds_limits(&plaintext) {
            return None;
        }
        let name = self.keys.entry_name(token.expose());
        let value = self.keys.encrypt(token.expose(), &name, &plaintext)?;
        Some(EncryptedEntry { key: self.key(&name), value, expires_at: requested_at.checked_add(lifetime)? })
    }

    fn key(&self, name: &EntryName) -> String {
        format!("{}{}", self.prefix, name.as_str())
    }
}

/// Returns whether the plaintext of an entry is too large to be shared.
fn exceeds_limits(plaintext: &[u8]) -> bool {
    plaintext.len() > MAX_ENTRY_BYTES || json_memory::has_more_values_than(plaintext, MAX_ENTRY_VALUES)
}

impl Health {
    fn is_paused(&self) -> bool {
        !self.paused_until.has_passed()
    }

    /// Records the result of a command. Logs the first of several failures in a row.
    fn record<T>(&self, redis: &RedisClient, result: Result<T, RedisError>) -> Option<T> {
        match result {
            Ok(value) => {
                self.is_failing.store(false, Ordering::Relaxed);
                Some(value)
            }
            Err(reason) => {
                redis.disconnect();
                self.paused_until.set(Instant::now() + PAUSE);
                if !self.is_failing.swap(true, Ordering::Relaxed) {
                    tracing::warn!(%reason, "introspection responses are not shared with the other replicas");
                }
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_with_too_many_bytes_or_values_is_not_shared() {
        let array = |values: usize| format!("[{}]", vec!["0"; values].join(","));
        assert!(!exceeds_limits(array(MAX_ENTRY_VALUES - 1).as_bytes()));
        assert!(exceeds_limits(array(MAX_ENTRY_VALUES).as_bytes()));
        let text = |bytes: usize| format!("\"{}\"", "a".repeat(bytes - 2));
        assert!(!exceeds_limits(text(MAX_ENTRY_BYTES).as_bytes()));
        assert!(exceeds_limits(text(MAX_ENTRY_BYTES + 1).as_bytes()));
    }
}
