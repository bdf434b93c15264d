//! What was learned about tokens, for as long as it may be used.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use moka::{Expiry, future::Cache, ops::compute::Op};
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::{BearerToken, Caller, Peers, Revocations, Unavailable, ValidationError, revocation::Moment};
use crate::metrics::{self, CounterSet, Lookup};

/// How long and how much is remembered.
#[derive(Clone, Debug)]
pub(crate) struct CacheLimits {
    /// How long an answer is used; zero asks about every request.
    pub(crate) ttl: Duration,
    /// How long an inactive token is known to be so.
    pub(crate) inactive_ttl: Duration,
    /// How long an answer is used beyond its time while the authorization server does not answer.
    pub(crate) grace: Duration,
    pub(crate) max_tokens: u64,
    /// Of the tokens' claims, in bytes.
    pub(crate) max_bytes: u64,
}

/// How often an answer that was outdated on arrival is asked for again.
const MAX_ROUNDS: usize = 3;
/// How long an old answer is used when the authorization server did not answer, before it is asked again.
const STALE_FOR: Duration = Duration::from_secs(5);
/// How long an answer is used while other replicas are not heard: as long as where nobody tells about revocations.
const ALONE_TTL: Duration = Duration::from_secs(10);

/// The SHA-256 of a token: what the cache knows it by.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TokenDigest([u8; 32]);

impl TokenDigest {
    pub(crate) fn of(token: &BearerToken) -> Self {
        Self(Sha256::digest(token.expose()).into())
    }
}

/// Who a token stands for, and since when that is known if it was not asked just now.
pub(crate) struct Answer {
    pub(crate) caller: Arc<Caller>,
    /// A moment from before somebody else asked, and when they did.
    pub(crate) asked: Option<(Moment, Instant)>,
}

impl From<Arc<Caller>> for Answer {
    fn from(caller: Arc<Caller>) -> Self {
        Self { caller, asked: None }
    }
}

/// An answer, and when it was asked for.
pub(crate) struct Entry {
    caller: Arc<Caller>,
    /// On the clock of revocations, before the question was sent.
    since: Moment,
    asked_at: Instant,
    /// When what it says was learned: earlier, if it was used again because the last question had no answer.
    learned_at: Instant,
    lifetime: Duration,
}

/// The answers about active tokens, and separately the knowledge of inactive ones: tokens that nobody issued cannot
/// push out those that somebody uses.
pub(crate) struct TokenCache {
    limits: CacheLimits,
    active: Cache<TokenDigest, Arc<Entry>>,
    stale: Option<Cache<TokenDigest, Arc<Entry>>>,
    inactive: Cache<TokenDigest, ()>,
    revocations: Arc<Revocations>,
    peers: Option<Arc<dyn Peers>>,
    lookups: CounterSet<Lookup>,
}

struct EntryLifetime;

impl Expiry<TokenDigest, Arc<Entry>> for EntryLifetime {
    fn expire_after_create(&self, _: &TokenDigest, entry: &Arc<Entry>, _: std::time::Instant) -> Option<Duration> {
        Some(entry.lifetime)
    }
}

impl TokenCache {
    pub(crate) fn new(limits: CacheLimits, revocations: Arc<Revocations>) -> Self {
        // One weight bounds both: an entry weighs its bytes, and at least its share of the number of tokens.
        let share = limits.max_bytes.checked_div(limits.max_tokens).unwrap_or(u64::MAX);
        let share = u32::try_from(share.max(1)).unwrap_or(u32::MAX);
        let cache = || {
            Cache::builder()
                .max_capacity(limits.max_bytes)
                .weigher(move |_: &TokenDigest, entry: &Arc<Entry>| entry.caller.weight().max(share))
                .expire_after(EntryLifetime)
                .build()
        };
        Self {
            active: cache(),
            stale: (!limits.grace.is_zero()).then(cache),
            inactive: Cache::builder().max_capacity(limits.max_tokens).time_to_live(limits.inactive_ttl).build(),
            limits,
            revocations,
            peers: None,
            lookups: CounterSet::new(metrics::CACHE_LOOKUPS, "result"),
        }
    }

    /// Trusts its memory for long only while these are heard.
    pub(crate) fn with_peers(mut self, peers: Option<Arc<dyn Peers>>) -> Self {
        self.peers = peers;
        self
    }

    /// The caller behind a token: remembered, or loaded. However many requests come with one new token, there is one
    /// load, and its failure is shared but not remembered.
    pub(crate) async fn get<F, L, A>(&self, token: &BearerToken, load: F) -> Result<Arc<Caller>, ValidationError>
    where
        F: Fn() -> L,
        L: Future<Output = Result<A, ValidationError>>,
        A: Into<Answer>,
    {
        let ttl = self.limits.ttl;
        if ttl.is_zero() {
            return self.ask(load).await;
        }
        let begun = Instant::now();
        let digest = TokenDigest::of(token);
        if self.inactive.contains_key(&digest) {
            self.lookups.increment(Lookup::Inactive);
            return Err(ValidationError::Inactive);
        }
        for _ in 0..MAX_ROUNDS {
            let known = self.active.get(&digest).await;
            self.lookups.increment(if known.is_some() { Lookup::Hit } else { Lookup::Miss });
            let entry = match known {
                Some(entry) => entry,
                None => self
                    .active
                    .try_get_with(digest, self.load(digest, &load))
                    .await
                    .map_err(|error| ValidationError::clone(&error))?,
            };
            if entry.caller.is_expired(SystemTime::now()) {
                return Err(ValidationError::Inactive);
            }
            // In this order: what was heard before the look at the peers counts in the look at the revocations.
            // An answer to a question of this very request is as new as can be, however long it took.
            let is_fresh = entry.asked_at >= begun || entry.asked_at.elapsed() <= ttl.min(entry.lifetime);
            if is_fresh
                && self.may_use(&entry)
                && self.revocations.still_stands(entry.caller.token_claims(), entry.since)
            {
                return Ok(Arc::clone(&entry.caller));
            }
            self.forget(digest, &entry).await;
        }
        Err(revoked_again())
    }

    /// Without a cache an answer that was under way when access was revoked is not used either.
    async fn ask<F, L, A>(&self, load: F) -> Result<Arc<Caller>, ValidationError>
    where
        F: Fn() -> L,
        L: Future<Output = Result<A, ValidationError>>,
        A: Into<Answer>,
    {
        for _ in 0..MAX_ROUNDS {
            self.lookups.increment(Lookup::Miss);
            let since = self.revocations.now();
            let Answer { caller, .. } = load().await?.into();
            if self.revocations.still_stands(caller.token_claims(), since) {
                return Ok(caller);
            }
        }
        Err(revoked_again())
    }

    /// Whether the peers are heard, or the entry is young enough to be used without them.
    fn may_use(&self, entry: &Entry) -> bool {
        match &self.peers {
            Some(peers) => peers.are_heard() || entry.learned_at.elapsed() <= ALONE_TTL,
            None => true,
        }
    }

    async fn load<F, L, A>(&self, digest: TokenDigest, load: &F) -> Result<Arc<Entry>, ValidationError>
    where
        F: Fn() -> L,
        L: Future<Output = Result<A, ValidationError>>,
        A: Into<Answer>,
    {
        // Before the question: a revocation from here on outdates the answer.
        let now = (self.revocations.now(), Instant::now());
        match load().await.map(A::into) {
            Ok(Answer { caller, asked }) => {
                let (since, asked_at) = asked.unwrap_or(now);
                let entry = |caller: &Arc<Caller>, lifetime| {
                    Arc::new(Entry { caller: Arc::clone(caller), since, asked_at, learned_at: asked_at, lifetime })
                };
                if let Some(stale) = &self.stale {
                    stale.insert(digest, entry(&caller, self.limits.ttl + self.limits.grace)).await;
                }
                Ok(entry(&caller, self.limits.ttl))
            }
            Err(ValidationError::Inactive) => {
                self.inactive.insert(digest, ()).await;
                if let Some(stale) = &self.stale {
                    stale.invalidate(&digest).await;
                }
                Err(ValidationError::Inactive)
            }
            Err(ValidationError::Unavailable(unavailable)) => match self.stale_entry(digest).await {
                Some(old) => {
                    self.lookups.increment(Lookup::Stale);
                    Ok(Arc::new(Entry {
                        caller: Arc::clone(&old.caller),
                        since: old.since,
                        asked_at: now.1,
                        learned_at: old.learned_at,
                        // Not beyond the grace, which began when the answer was asked for.
                        lifetime: STALE_FOR.min(old.lifetime.saturating_sub(old.asked_at.elapsed())),
                    }))
                }
                None => Err(unavailable.into()),
            },
        }
    }

    async fn stale_entry(&self, digest: TokenDigest) -> Option<Arc<Entry>> {
        let entry = self.stale.as_ref()?.get(&digest).await?;
        let usable = entry.asked_at.elapsed() <= entry.lifetime
            && !entry.caller.is_expired(SystemTime::now())
            && self.may_use(&entry)
            && self.revocations.still_stands(entry.caller.token_claims(), entry.since);
        usable.then_some(entry)
    }

    /// Drops this very entry, and not one that somebody else has loaded meanwhile.
    async fn forget(&self, digest: TokenDigest, outdated: &Arc<Entry>) {
        let drop_outdated = |found: Option<moka::Entry<TokenDigest, Arc<Entry>>>| {
            let same = found.is_some_and(|found| Arc::ptr_eq(found.value(), outdated));
            std::future::ready(if same { Op::Remove } else { Op::Nop })
        };
        self.active.entry(digest).and_compute_with(drop_outdated).await;
    }

    /// How many active tokens are known.
    pub(crate) fn len(&self) -> u64 {
        self.active.entry_count()
    }
}

fn revoked_again() -> ValidationError {
    Unavailable::new("access was revoked again each time the token was checked").into()
}

impl std::fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenCache")
            .field("limits", &self.limits)
            .field("tokens", &self.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
