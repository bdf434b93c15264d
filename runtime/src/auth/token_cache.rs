//! What was learned about tokens, for as long as it may be used.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use quick_cache::{
    DefaultHashBuilder, OptionsBuilder, UnitWeighter, Weighter,
    sync::{Cache, DefaultLifecycle},
};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::{BearerToken, Caller, Epoch, Replicator, RevocationClock, Unavailable, ValidationError};
use crate::metrics::{self, CounterSet, Lookup};

/// Settings of the token cache.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct TokenCacheConfig {
    /// Time for which an introspection response is used before the token is validated again, and so the longest time
    /// that a revoked token stays valid. It never exceeds the token's own lifetime. Zero validates every request, which
    /// costs one introspection request each.
    ///
    /// Default: 10 seconds, or 5 minutes if the validator
    /// [reports revocations](super::TokenValidator::reports_revocations). The log states which at start-up.
    #[serde(with = "humantime_serde")]
    pub ttl: Option<Duration>,
    /// Time for which a token that was reported as inactive is rejected without asking again. Default: 5 seconds.
    #[serde(with = "humantime_serde")]
    pub inactive_ttl: Duration,
    /// Time beyond [`ttl`](Self::ttl) for which a cached response is used while the authorization server does not
    /// respond, within the token's own lifetime. During an outage, a revoked token stays valid for this much longer.
    /// Default: zero.
    #[serde(with = "humantime_serde")]
    pub stale_if_error: Duration,
    /// Maximum number of cached tokens. Each takes about 250 bytes plus its claims. Default: 100,000.
    pub max_tokens: u64,
    /// Maximum size of the cached claims, in bytes. Default: 256 MiB.
    pub max_bytes: u64,
}

impl Default for TokenCacheConfig {
    fn default() -> Self {
        Self {
            ttl: None,
            inactive_ttl: Duration::from_secs(5),
            stale_if_error: Duration::ZERO,
            max_tokens: 100_000,
            max_bytes: 256 * 1024 * 1024,
        }
    }
}

impl TokenCacheConfig {
    /// Returns `ttl`, or its default.
    pub(crate) fn effective_ttl(&self, reports_revocations: bool) -> Duration {
        self.ttl.unwrap_or(if reports_revocations { Duration::from_secs(5 * 60) } else { Duration::from_secs(10) })
    }
}

/// Parts that are locked on their own. Each has its part of the room, so that too many would leave no room for large
/// claims.
const SHARDS: usize = 16;
/// How often an answer that was outdated on arrival is asked for again.
const MAX_LOADS: usize = 3;
/// How long an old answer is used when the authorization server did not answer, before it is asked again.
const STALE_RECHECK_INTERVAL: Duration = Duration::from_secs(5);
/// How often what is not used any more is dropped, at most; answers that are used for longer stay for as long.
const SWEEP_INTERVAL: Duration = Duration::from_secs(10);
/// How long an answer is used while other replicas are not heard: as long as where nobody tells about revocations.
const DISCONNECTED_TTL: Duration = Duration::from_secs(10);

/// The SHA-256 of a token: what the cache knows it by.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TokenDigest([u8; 32]);

impl TokenDigest {
    pub(crate) fn of(token: &BearerToken) -> Self {
        Self(Sha256::digest(token.expose()).into())
    }
}

/// Who a token stands for, and since when that is known if it was not asked just now.
pub(crate) struct LoadedCaller {
    pub(crate) caller: Arc<Caller>,
    /// A moment from before somebody else asked, and when they did.
    pub(crate) asked: Option<(Epoch, Instant)>,
}

impl From<Arc<Caller>> for LoadedCaller {
    fn from(caller: Arc<Caller>) -> Self {
        Self { caller, asked: None }
    }
}

/// An answer, and when it was asked for. Small, because there may be a million of them.
#[derive(Clone)]
struct Entry {
    caller: Arc<Caller>,
    /// On the clock of revocations, before the question was sent.
    since: Epoch,
    asked_at: Instant,
    /// If the question had no answer and this is an older one.
    old: Option<Box<Old>>,
}

/// An answer that is used again because the last question had none.
#[derive(Clone)]
struct Old {
    learned_at: Instant,
    /// How long it is used before the authorization server is asked again.
    lifetime: Duration,
}

/// What a question came to. A failure is only there for those who wait for the same question.
type Known = Result<Entry, Arc<ValidationError>>;

/// The answers about active tokens, and separately the knowledge of inactive ones: tokens that nobody issued cannot
/// push out those that somebody uses.
pub(crate) struct TokenCache {
    config: TokenCacheConfig,
    ttl: Duration,
    active: Cache<TokenDigest, Known, Weight>,
    /// The same answers, for the grace.
    stale: Option<Cache<TokenDigest, Entry, Weight>>,
    /// Since when they are known to be inactive.
    inactive: Cache<TokenDigest, Instant>,
    /// When what is not used any more was last dropped.
    swept: Mutex<Instant>,
    revocations: Arc<RevocationClock>,
    replicator: Option<Arc<dyn Replicator>>,
    lookups: CounterSet<Lookup>,
}

/// One weight bounds the bytes and the number of tokens: an entry weighs its bytes, and at least its share of the number.
#[derive(Clone)]
struct Weight {
    share: u64,
}

impl Weighter<TokenDigest, Entry> for Weight {
    fn weight(&self, _: &TokenDigest, entry: &Entry) -> u64 {
        u64::from(entry.caller.weight()).max(self.share)
    }
}

impl Weighter<TokenDigest, Known> for Weight {
    fn weight(&self, digest: &TokenDigest, known: &Known) -> u64 {
        // Without a weight a failure would push out nobody, but stay for ever, should it not be removed.
        known.as_ref().map_or(1, |entry| self.weight(digest, entry))
    }
}

impl Entry {
    fn learned_at(&self) -> Instant {
        self.old.as_ref().map_or(self.asked_at, |old| old.learned_at)
    }

    /// Whether it is young enough, where an answer is used for `ttl`.
    fn is_fresh(&self, ttl: Duration) -> bool {
        self.asked_at.elapsed() <= self.old.as_ref().map_or(ttl, |old| old.lifetime.min(ttl))
    }

    /// Whether two are of one question.
    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.caller, &other.caller) && self.since == other.since && self.asked_at == other.asked_at
    }
}

impl TokenCache {
    pub(crate) fn new(config: TokenCacheConfig, revocations: Arc<RevocationClock>) -> Self {
        let ttl = config.effective_ttl(false);
        let weight = Weight { share: config.max_bytes.checked_div(config.max_tokens).unwrap_or(u64::MAX).max(1) };
        Self {
            active: cache(&config, config.max_bytes, weight.clone()),
            stale: (!config.stale_if_error.is_zero()).then(|| cache(&config, config.max_bytes, weight)),
            inactive: cache(&config, config.max_tokens, UnitWeighter),
            swept: Mutex::new(Instant::now()),
            config,
            ttl,
            revocations,
            replicator: None,
            lookups: CounterSet::new(metrics::CACHE_LOOKUPS, "result"),
        }
    }

    /// Trusts its memory for long only while these are heard.
    pub(crate) fn with_replicator(mut self, replicator: Option<Arc<dyn Replicator>>) -> Self {
        self.replicator = replicator;
        self
    }

    /// The caller behind a token: remembered, or loaded. However many requests come with one new token, there is one
    /// load, and its failure is shared but not remembered.
    pub(crate) async fn get<F, L, A>(&self, token: &BearerToken, load: F) -> Result<Arc<Caller>, ValidationError>
    where
        F: Fn() -> L,
        L: Future<Output = Result<A, ValidationError>>,
        A: Into<LoadedCaller>,
    {
        let ttl = self.ttl;
        if ttl.is_zero() {
            return self.ask(load).await;
        }
        let begun = Instant::now();
        let digest = TokenDigest::of(token);
        if self.inactive.get(&digest).is_some_and(|since| since.elapsed() <= self.config.inactive_ttl) {
            self.lookups.increment(Lookup::Inactive);
            return Err(ValidationError::Inactive);
        }
        for _ in 0..MAX_LOADS {
            let known = self.active.get(&digest).and_then(Result::ok);
            self.lookups.increment(if known.is_some() { Lookup::Hit } else { Lookup::Miss });
            let entry = match known {
                Some(entry) => entry,
                None => self.learn(digest, &load).await?,
            };
            if entry.caller.is_expired(SystemTime::now()) {
                return Err(ValidationError::Inactive);
            }
            // In this order: what was heard before the look at the replicator counts in the look at the revocations.
            // An answer to a question of this very request is as new as can be, however long it took.
            if (entry.asked_at >= begun || entry.is_fresh(ttl))
                && self.may_use(&entry)
                && self.revocations.is_current(entry.caller.owner(), entry.since)
            {
                return Ok(entry.caller);
            }
            self.forget(&digest, |known| known.as_ref().is_ok_and(|known| known.is(&entry)));
        }
        Err(revoked_again())
    }

    /// Without a cache an answer that was under way when access was revoked is not used either.
    async fn ask<F, L, A>(&self, load: F) -> Result<Arc<Caller>, ValidationError>
    where
        F: Fn() -> L,
        L: Future<Output = Result<A, ValidationError>>,
        A: Into<LoadedCaller>,
    {
        for _ in 0..MAX_LOADS {
            self.lookups.increment(Lookup::Miss);
            let since = self.revocations.epoch();
            let LoadedCaller { caller, .. } = load().await?.into();
            if self.revocations.is_current(caller.owner(), since) {
                return Ok(caller);
            }
        }
        Err(revoked_again())
    }

    /// Whether the replicator are heard, or the entry is young enough to be used without them.
    fn may_use(&self, entry: &Entry) -> bool {
        match &self.replicator {
            Some(replicator) => replicator.is_connected() || entry.learned_at().elapsed() <= DISCONNECTED_TTL,
            None => true,
        }
    }

    /// Asks, or waits for who asks already.
    async fn learn<F, L, A>(&self, digest: TokenDigest, load: &F) -> Result<Entry, ValidationError>
    where
        F: Fn() -> L,
        L: Future<Output = Result<A, ValidationError>>,
        A: Into<LoadedCaller>,
    {
        let guard = match self.active.get_value_or_guard_async(&digest).await {
            Ok(known) => return known.map_err(|error| ValidationError::clone(&error)),
            Err(guard) => guard,
        };
        let known = self.load(digest, load).await.map_err(Arc::new);
        // Whoever waits gets it; should it be too heavy to be kept, that is all.
        let _ = guard.insert(known.clone());
        self.sweep();
        known.map_err(|failure| {
            self.forget(&digest, |known| known.as_ref().is_err_and(|known| Arc::ptr_eq(known, &failure)));
            ValidationError::clone(&failure)
        })
    }

    async fn load<F, L, A>(&self, digest: TokenDigest, load: &F) -> Result<Entry, ValidationError>
    where
        F: Fn() -> L,
        L: Future<Output = Result<A, ValidationError>>,
        A: Into<LoadedCaller>,
    {
        // Before the question: a revocation from here on outdates the answer.
        let now = (self.revocations.epoch(), Instant::now());
        match load().await.map(A::into) {
            Ok(LoadedCaller { caller, asked }) => {
                let (since, asked_at) = asked.unwrap_or(now);
                let entry = Entry { caller, since, asked_at, old: None };
                if let Some(stale) = &self.stale {
                    stale.insert(digest, entry.clone());
                }
                Ok(entry)
            }
            Err(ValidationError::Inactive) => {
                self.inactive.insert(digest, Instant::now());
                if let Some(stale) = &self.stale {
                    stale.remove(&digest);
                }
                Err(ValidationError::Inactive)
            }
            Err(ValidationError::Unavailable(unavailable)) => match self.stale_entry(digest) {
                Some(stale) => {
                    self.lookups.increment(Lookup::Stale);
                    // Not beyond the grace, which began when the answer was asked for.
                    let lifetime =
                        STALE_RECHECK_INTERVAL.min(self.stale_for().saturating_sub(stale.asked_at.elapsed()));
                    let old = Some(Box::new(Old { learned_at: stale.asked_at, lifetime }));
                    Ok(Entry { asked_at: now.1, old, ..stale })
                }
                None => Err(unavailable.into()),
            },
        }
    }

    /// How long an answer may be used at all.
    fn stale_for(&self) -> Duration {
        self.ttl + self.config.stale_if_error
    }

    fn stale_entry(&self, digest: TokenDigest) -> Option<Entry> {
        let entry = self.stale.as_ref()?.get(&digest)?;
        let usable = entry.is_fresh(self.stale_for())
            && !entry.caller.is_expired(SystemTime::now())
            && self.may_use(&entry)
            && self.revocations.is_current(entry.caller.owner(), entry.since);
        usable.then_some(entry)
    }

    /// Drops what is known if it is still this, and not something that somebody else has learned meanwhile.
    fn forget(&self, digest: &TokenDigest, outdated: impl FnOnce(&Known) -> bool) {
        self.active.remove_if(digest, outdated);
    }

    /// Drops what is not used any more, now and then: what was known of somebody does not stay for nothing.
    fn sweep(&self) {
        let Ok(mut swept) = self.swept.try_lock() else { return };
        let (ttl, inactive_ttl) = (self.ttl, self.config.inactive_ttl);
        if swept.elapsed() < ttl.max(SWEEP_INTERVAL) {
            return;
        }
        *swept = Instant::now();
        drop(swept);
        let now = SystemTime::now();
        let is_used = |entry: &Entry, ttl| entry.is_fresh(ttl) && !entry.caller.is_expired(now);
        self.active.retain(|_, known| known.as_ref().is_ok_and(|entry| is_used(entry, ttl)));
        self.inactive.retain(|_, since| since.elapsed() <= inactive_ttl);
        if let Some(stale) = &self.stale {
            stale.retain(|_, entry| is_used(entry, self.stale_for()));
        }
    }

    /// How many active tokens are known.
    pub(crate) fn len(&self) -> u64 {
        self.active.len() as u64
    }
}

fn cache<V: Clone, W: Weighter<TokenDigest, V> + Clone>(
    config: &TokenCacheConfig,
    capacity: u64,
    weighter: W,
) -> Cache<TokenDigest, V, W> {
    let options = OptionsBuilder::new()
        .shards(SHARDS)
        .estimated_items_capacity(usize::try_from(config.max_tokens).unwrap_or(usize::MAX))
        .weight_capacity(capacity)
        .build()
        .expect("both capacities are there");
    Cache::with_options(options, weighter, DefaultHashBuilder::default(), DefaultLifecycle::default())
}

fn revoked_again() -> ValidationError {
    Unavailable::new("access was revoked again each time the token was checked").into()
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
