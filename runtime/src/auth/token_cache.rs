//! Token cache: caches introspection responses until their TTL, their token's expiry or a revocation.

mod config;

use std::{
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use quick_cache::{
    DefaultHashBuilder, OptionsBuilder, UnitWeighter, Weighter,
    sync::{Cache, DefaultLifecycle, GuardResult},
};
use thiserror::Error;
use tokio::time::Instant;

pub use self::config::TokenCacheConfig;
use super::{
    BearerToken, Caller, Claims, Epoch, Inactive, Replicator, RevocationClock, Unavailable, UserDirectory,
    ValidationError, identity::Identity, token_digest::TokenDigest,
};
use crate::metrics::{self, CounterSet, Lookup};

/// Maximum TTL while this replica is disconnected: like a server without revocations, it does not receive those of
/// the other replicas.
const DISCONNECTED_TTL: Duration = config::DEFAULT_TTL;
/// Upper bound of the bytes of an entry in the tables of the cache, which double when they are full.
const ENTRY_BYTES: u64 = 192;
/// Number of cache shards, each with its own lock and an equal part of the capacity. With more shards, the part of
/// each would be too small for large claims.
const SHARDS: usize = 16;
/// Maximum number of loads for one lookup, if a revocation invalidates each response while it is in flight. A load that
/// began before the lookup does not count.
const MAX_LOADS: usize = 3;
/// Time for which a stale response is used before the next introspection request, while the authorization server does
/// not respond.
const STALE_RECHECK_INTERVAL: Duration = Duration::from_secs(5);
/// Time beyond the TTL for which a token counts as known, so that it is validated before the tokens of strangers.
const KNOWN_FOR: Duration = Duration::from_mins(10);
/// Minimum time between two evictions of unusable entries.
const EVICTION_INTERVAL: Duration = Duration::from_secs(10);

/// Result of a successful load.
pub(crate) struct LoadedCaller {
    pub(crate) caller: Arc<Caller>,
    /// Epoch and time from before the introspection request, if another replica sent it. `None` if the load sent it.
    pub(crate) requested: Option<(Epoch, Instant)>,
}

impl From<Arc<Caller>> for LoadedCaller {
    fn from(caller: Arc<Caller>) -> Self {
        Self { caller, requested: None }
    }
}

/// Cached introspection response of an active token. It is small, because there may be a million of them.
#[derive(Clone)]
struct CacheEntry {
    identity: Arc<Identity>,
    /// Epoch of the revocation clock from before the introspection request.
    epoch: Epoch,
    /// Time of the latest introspection request, including one that failed.
    requested_at: Instant,
    /// Set if the latest introspection request failed and the entry contains an older response.
    stale: Option<Box<StaleResponse>>,
}

/// Introspection response that is used past its TTL ([`TokenCacheConfig::stale_if_error`]).
#[derive(Clone)]
struct StaleResponse {
    /// Time of the introspection request that succeeded.
    introspected_at: Instant,
    /// Time from the failed request until the next one.
    recheck_after: Duration,
}

/// What the cache knows about a token.
#[derive(Debug)]
pub(crate) enum CachedToken {
    /// The token is valid.
    Current(Arc<Caller>),
    /// The token was valid and has to be validated again.
    Outdated(Arc<Caller>),
    /// The token is not in the cache.
    Unknown,
}

/// Result of a load. The cache contains an error only until the requests that wait for the same load have received
/// it.
type LoadResult = Result<CacheEntry, Arc<ValidationError>>;

/// Cache of introspection responses with single-flight loading: concurrent requests with one token share one load.
///
/// Active and inactive tokens are in separate caches, so that invented tokens cannot evict valid ones.
pub(crate) struct TokenCache {
    config: TokenCacheConfig,
    ttl: Duration,
    active: Cache<TokenDigest, LoadResult, EntryWeighter>,
    /// The entries of `active`, for use past their TTL. `None` if `stale_if_error` is zero.
    stale: Option<Cache<TokenDigest, CacheEntry, EntryWeighter>>,
    /// Time at which each inactive token was reported as inactive.
    inactive: Cache<TokenDigest, Instant>,
    last_eviction: Mutex<Instant>,
    revocation_clock: Arc<RevocationClock>,
    replicator: Option<Arc<dyn Replicator>>,
    /// Directory of the users, which each caller refers to.
    directory: Option<Arc<UserDirectory>>,
    lookups: CounterSet<Lookup>,
}

/// Weight of cache entries: the bytes that they allocate, and at least `max_bytes / max_tokens`. With this minimum, one
/// capacity limits both the bytes and the number of tokens.
#[derive(Clone)]
struct EntryWeighter {
    min_weight: u64,
}

impl Weighter<TokenDigest, CacheEntry> for EntryWeighter {
    fn weight(&self, _: &TokenDigest, entry: &CacheEntry) -> u64 {
        (entry.identity.bytes() as u64 + ENTRY_BYTES).max(self.min_weight)
    }
}

impl Weighter<TokenDigest, LoadResult> for EntryWeighter {
    fn weight(&self, digest: &TokenDigest, result: &LoadResult) -> u64 {
        // Not zero for an error, because quick_cache never evicts an entry of weight zero.
        result.as_ref().map_or(1, |entry| self.weight(digest, entry))
    }
}

impl CacheEntry {
    /// Returns the time of the introspection request that the response belongs to.
    fn introspected_at(&self) -> Instant {
        self.stale.as_ref().map_or(self.requested_at, |stale| stale.introspected_at)
    }

    fn is_fresh(&self, ttl: Duration, now: Instant) -> bool {
        now.saturating_duration_since(self.requested_at)
            <= self.stale.as_ref().map_or(ttl, |stale| stale.recheck_after.min(ttl))
    }

    /// Creates the caller of a request.
    fn to_caller(&self, directory: Option<&Arc<UserDirectory>>) -> Arc<Caller> {
        Arc::new(Caller::from(Arc::clone(&self.identity)).with_directory(directory.cloned()))
    }

    /// Returns whether both entries are the result of the same load.
    fn is_same_load(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.identity, &other.identity)
            && self.epoch == other.epoch
            && self.requested_at == other.requested_at
    }
}

impl TokenCache {
    pub(crate) fn new(config: TokenCacheConfig, revocation_clock: Arc<RevocationClock>) -> Self {
        let ttl = config.effective_ttl(false);
        let weighter =
            EntryWeighter { min_weight: config.max_bytes.checked_div(config.max_tokens).unwrap_or(u64::MAX).max(1) };
        Self {
            active: new_cache(&config, config.max_bytes, weighter.clone()),
            stale: (!config.stale_if_error.is_zero()).then(|| new_cache(&config, config.max_bytes, weighter)),
            inactive: new_cache(&config, config.max_tokens, UnitWeighter),
            last_eviction: Mutex::new(Instant::now()),
            config,
            ttl,
            revocation_clock,
            replicator: None,
            directory: None,
            lookups: CounterSet::new(metrics::CACHE_LOOKUPS),
        }
    }

    /// Sets the connection to the other replicas. While it is disconnected, entries are used for [`DISCONNECTED_TTL`]
    /// at most.
    pub(crate) fn with_replicator(mut self, replicator: Option<Arc<dyn Replicator>>) -> Self {
        self.replicator = replicator;
        self
    }

    /// Sets the directory of the users.
    pub(crate) fn with_directory(mut self, directory: Option<Arc<UserDirectory>>) -> Self {
        self.directory = directory;
        self
    }

    /// Returns what the cache knows about a token, without loading it.
    ///
    /// # Errors
    ///
    /// The token is cached as inactive.
    pub(crate) fn lookup(&self, token: &BearerToken) -> Result<CachedToken, ValidationError> {
        let digest = TokenDigest::of(token);
        if self.is_inactive(&digest) {
            self.lookups.increment(Lookup::Inactive);
            return Err(cached_as_inactive());
        }
        let Some(entry) = self.active.get(&digest).and_then(Result::ok) else { return Ok(CachedToken::Unknown) };
        let now = Instant::now();
        let is_current = !self.ttl.is_zero()
            && !entry.identity.is_expired(SystemTime::now())
            && self.check_current(&entry, now, now).is_ok();
        if !is_current {
            return Ok(CachedToken::Outdated(entry.to_caller(self.directory.as_ref())));
        }
        self.lookups.increment(Lookup::Hit);
        Ok(CachedToken::Current(entry.to_caller(self.directory.as_ref())))
    }

    fn is_inactive(&self, digest: &TokenDigest) -> bool {
        !self.ttl.is_zero()
            && self.inactive.get(digest).is_some_and(|reported_at| reported_at.elapsed() <= self.config.inactive_ttl)
    }

    /// Returns the caller of a token from the cache, or loads it. Concurrent calls with one token share one load and
    /// its error. Errors are not cached.
    pub(crate) async fn get<F, L, A>(&self, token: &BearerToken, load: F) -> Result<Arc<Caller>, ValidationError>
    where
        F: Fn() -> L,
        L: Future<Output = Result<A, ValidationError>>,
        A: Into<LoadedCaller>,
    {
        let digest = TokenDigest::of(token);
        if self.ttl.is_zero() {
            return self.load_always(digest, load).await;
        }
        let started_at = Instant::now();
        if self.is_inactive(&digest) {
            self.lookups.increment(Lookup::Inactive);
            return Err(cached_as_inactive());
        }
        let mut outdated: Option<CacheEntry> = None;
        let mut loads = 0;
        loop {
            let is_outdated =
                |entry: &CacheEntry| outdated.as_ref().is_some_and(|outdated| entry.is_same_load(outdated));
            let cached = self.active.get(&digest).and_then(Result::ok).filter(|entry| !is_outdated(entry));
            self.lookups.increment(if cached.is_some() { Lookup::Hit } else { Lookup::Miss });
            let entry = match cached {
                Some(entry) => entry,
                None => match self.load_single_flight(digest, &load, is_outdated).await {
                    Ok(entry) => entry,
                    Err(error) => {
                        self.keep_known(digest, outdated, &error);
                        return Err(error);
                    }
                },
            };
            if entry.identity.is_expired(SystemTime::now()) {
                return Err(Inactive::new("the token has expired").into());
            }
            let Err(reason) = self.check_current(&entry, started_at, Instant::now()) else {
                return Ok(entry.to_caller(self.directory.as_ref()));
            };
            self.evict_load(&digest, &entry);
            // Only the first response can be that of a load which began before this call.
            loads += usize::from(outdated.is_some() || entry.requested_at >= started_at);
            if loads == MAX_LOADS {
                return Err(reason.into());
            }
            outdated = Some(entry);
        }
    }

    /// Returns an error if the response of an entry can no longer be used, or not by a call that started at
    /// `started_at`.
    fn check_current(&self, entry: &CacheEntry, started_at: Instant, now: Instant) -> Result<(), Outdated> {
        // A response that was requested during this call is fresh, even if it took longer than the TTL.
        if entry.requested_at < started_at && !entry.is_fresh(self.ttl, now) {
            return Err(Outdated::Expired);
        }
        // Replication is checked first, so that revocations received before that check are seen by the second one.
        if !self.replication_permits(entry) {
            return Err(Outdated::Disconnected);
        }
        if !self.revocation_clock.is_current(entry.identity.owner(), entry.epoch) {
            return Err(Outdated::Revoked);
        }
        Ok(())
    }

    /// Returns whether a token is self-contained and was issued before a revocation.
    pub(crate) fn is_revoked(&self, claims: &Claims) -> bool {
        claims.self_contained_since.is_some_and(|since| self.revocation_clock.is_revoked(claims, since))
    }

    /// Loads the caller for each call. A response that was in flight during a revocation is discarded here, too. The
    /// entry is cached only for [`lookup`](Self::lookup).
    async fn load_always<F, L, A>(&self, digest: TokenDigest, load: F) -> Result<Arc<Caller>, ValidationError>
    where
        F: Fn() -> L,
        L: Future<Output = Result<A, ValidationError>>,
        A: Into<LoadedCaller>,
    {
        for _ in 0..MAX_LOADS {
            self.lookups.increment(Lookup::Miss);
            let (epoch, requested_at) = (self.revocation_clock.epoch(), Instant::now());
            let LoadedCaller { caller, requested } = match load().await {
                Ok(loaded) => loaded.into(),
                Err(error) => {
                    if matches!(error, ValidationError::Inactive(_)) {
                        self.active.remove(&digest);
                    }
                    return Err(error);
                }
            };
            let (epoch, requested_at) = requested.unwrap_or((epoch, requested_at));
            if self.revocation_clock.is_current(caller.owner(), epoch) {
                let entry = CacheEntry { identity: Arc::clone(caller.identity()), epoch, requested_at, stale: None };
                self.active.insert(digest, Ok(entry));
                self.evict_unusable();
                return Ok(caller);
            }
        }
        Err(Outdated::Revoked.into())
    }

    /// Keeps the outdated entry of a token that could not be validated, so that the token stays known.
    fn keep_known(&self, digest: TokenDigest, outdated: Option<CacheEntry>, error: &ValidationError) {
        if let (ValidationError::Unavailable(_), Some(entry)) = (error, outdated)
            // Does not wait for a load in flight, whose result is newer.
            && let GuardResult::Guard(guard) = self.active.get_value_or_guard(&digest, Some(Duration::ZERO))
        {
            let _ = guard.insert(Ok(entry));
        }
    }

    /// Returns whether replication permits the use of an entry: this replica is connected, or the response is recent
    /// enough to be used without the revocations of other replicas.
    fn replication_permits(&self, entry: &CacheEntry) -> bool {
        match &self.replicator {
            Some(replicator) => replicator.is_connected() || entry.introspected_at().elapsed() <= DISCONNECTED_TTL,
            None => true,
        }
    }

    /// Loads and inserts the entry of a token, or waits for a load that is in flight. Does not return an outdated entry.
    async fn load_single_flight<F, L, A>(
        &self,
        digest: TokenDigest,
        load: &F,
        is_outdated: impl Fn(&CacheEntry) -> bool,
    ) -> Result<CacheEntry, ValidationError>
    where
        F: Fn() -> L,
        L: Future<Output = Result<A, ValidationError>>,
        A: Into<LoadedCaller>,
    {
        let guard = loop {
            match self.active.get_value_or_guard_async(&digest).await {
                // `quick_cache` wakes the waiting requests before it replaces the placeholder of the load by its
                // result. In between, the result is returned, but cannot be evicted.
                Ok(Ok(entry)) if is_outdated(&entry) => {
                    self.evict_load(&digest, &entry);
                    tokio::task::yield_now().await;
                }
                Ok(loaded) => return loaded.map_err(|error| ValidationError::clone(&error)),
                Err(guard) => break guard,
            }
        };
        let result = self.load_entry(digest, load).await.map_err(Arc::new);
        // The waiting requests receive the result even if it is too large to be cached.
        let _ = guard.insert(result.clone());
        self.evict_unusable();
        result.map_err(|error| {
            self.evict_if(&digest, |cached| cached.as_ref().is_err_and(|cached| Arc::ptr_eq(cached, &error)));
            ValidationError::clone(&error)
        })
    }

    /// Loads the entry of a token, or returns a stale one if the authorization server does not respond.
    async fn load_entry<F, L, A>(&self, digest: TokenDigest, load: &F) -> Result<CacheEntry, ValidationError>
    where
        F: Fn() -> L,
        L: Future<Output = Result<A, ValidationError>>,
        A: Into<LoadedCaller>,
    {
        // Read before the request is sent, because the response does not reflect later revocations.
        let (epoch, requested_at) = (self.revocation_clock.epoch(), Instant::now());
        match load().await.map(A::into) {
            Ok(LoadedCaller { caller, requested }) => {
                let (epoch, requested_at) = requested.unwrap_or((epoch, requested_at));
                let identity = Arc::clone(caller.identity());
                let entry = CacheEntry { identity, epoch, requested_at, stale: None };
                if let Some(stale) = &self.stale {
                    stale.insert(digest, entry.clone());
                }
                Ok(entry)
            }
            Err(ValidationError::Inactive(inactive)) => {
                self.inactive.insert(digest, Instant::now());
                if let Some(stale) = &self.stale {
                    stale.remove(&digest);
                }
                Err(inactive.into())
            }
            Err(ValidationError::Unavailable(unavailable)) => match self.stale_entry(digest) {
                Some(entry) => {
                    self.lookups.increment(Lookup::Stale);
                    // `stale_if_error` counts from the request that succeeded.
                    let remaining = self.stale_ttl().saturating_sub(entry.requested_at.elapsed());
                    let stale = StaleResponse {
                        introspected_at: entry.requested_at,
                        recheck_after: STALE_RECHECK_INTERVAL.min(remaining),
                    };
                    Ok(CacheEntry { requested_at, stale: Some(Box::new(stale)), ..entry })
                }
                None => Err(unavailable.into()),
            },
        }
    }

    /// Returns the time for which a response is used while the authorization server does not respond.
    fn stale_ttl(&self) -> Duration {
        self.ttl + self.config.stale_if_error
    }

    fn stale_entry(&self, digest: TokenDigest) -> Option<CacheEntry> {
        let entry = self.stale.as_ref()?.get(&digest)?;
        let is_usable = entry.is_fresh(self.stale_ttl(), Instant::now())
            && !entry.identity.is_expired(SystemTime::now())
            && self.replication_permits(&entry)
            && self.revocation_clock.is_current(entry.identity.owner(), entry.epoch);
        is_usable.then_some(entry)
    }

    /// Evicts the entry of a token if it is the result of the same load as `entry`.
    fn evict_load(&self, digest: &TokenDigest, entry: &CacheEntry) {
        self.evict_if(digest, |cached| cached.as_ref().is_ok_and(|cached| cached.is_same_load(entry)));
    }

    /// Evicts the entry of a token if it meets the condition, so that the result of a later load is not evicted.
    fn evict_if(&self, digest: &TokenDigest, condition: impl FnOnce(&LoadResult) -> bool) {
        self.active.remove_if(digest, condition);
    }

    /// Evicts all entries that can no longer be used, at most once per TTL and once per [`EVICTION_INTERVAL`], so that
    /// claims do not stay in memory. An outdated entry remains for [`KNOWN_FOR`].
    fn evict_unusable(&self) {
        let Ok(mut last_eviction) = self.last_eviction.try_lock() else { return };
        let (ttl, inactive_ttl) = (self.ttl, self.config.inactive_ttl);
        if last_eviction.elapsed() < ttl.max(EVICTION_INTERVAL) {
            return;
        }
        *last_eviction = Instant::now();
        drop(last_eviction);
        let now = SystemTime::now();
        let is_usable =
            |entry: &CacheEntry, ttl| entry.is_fresh(ttl, Instant::now()) && !entry.identity.is_expired(now);
        let is_known = |entry: &CacheEntry| {
            entry.requested_at.elapsed() <= ttl.saturating_add(KNOWN_FOR) && !entry.identity.is_expired(now)
        };
        self.active.retain(|_, cached| cached.as_ref().is_ok_and(is_known));
        self.inactive.retain(|_, reported_at| reported_at.elapsed() <= inactive_ttl);
        if let Some(stale) = &self.stale {
            stale.retain(|_, entry| is_usable(entry, self.stale_ttl()));
        }
    }

    /// Returns the number of active tokens in the cache.
    pub(crate) fn len(&self) -> u64 {
        self.active.len() as u64
    }
}

fn new_cache<V: Clone, W: Weighter<TokenDigest, V> + Clone>(
    config: &TokenCacheConfig,
    capacity: u64,
    weighter: W,
) -> Cache<TokenDigest, V, W> {
    let options = OptionsBuilder::new()
        .shards(SHARDS)
        .estimated_items_capacity(usize::try_from(config.max_tokens).unwrap_or(usize::MAX))
        .weight_capacity(capacity)
        .build()
        .expect("both capacities are set");
    Cache::with_options(options, weighter, DefaultHashBuilder::default(), DefaultLifecycle::default())
}

/// Reason why an introspection response cannot be used.
#[derive(Clone, Copy, Debug, Error)]
enum Outdated {
    #[error("every attempt to validate the token took longer than `token_cache.ttl`")]
    Expired,
    #[error("every attempt to validate the token took longer than {DISCONNECTED_TTL:?}, without the other replicas")]
    Disconnected,
    #[error("access was revoked during every attempt to validate the token")]
    Revoked,
}

fn cached_as_inactive() -> ValidationError {
    Inactive::new("the token was rejected before").into()
}

impl From<Outdated> for ValidationError {
    fn from(reason: Outdated) -> Self {
        Unavailable::new(reason.to_string()).into()
    }
}

impl std::fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenCache")
            .field("config", &self.config)
            .field("tokens", &self.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
