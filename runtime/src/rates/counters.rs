//! Counters in memory, one for each limit and caller. Their number is bounded.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use foldhash::fast::FixedState;
use governor::{
    clock::Clock as _,
    nanos::Nanos,
    state::{InMemoryState, NotKeyed, StateStore},
};

use super::RateClock;
use crate::log_limit::LogLimit;

/// Number of maps that counters are distributed over, to reduce lock contention.
const SHARDS: usize = 16;

/// Minimum time between two removals of the counters whose quota is full, in nanoseconds.
const PRUNE_INTERVAL: u64 = 1_000_000_000;

/// Key of a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    /// Position of the limit among those of the server.
    pub(super) limit: usize,
    /// Keyed hash of the limit and the caller. `None` for all callers.
    pub(super) caller: Option<u64>,
}

/// Counters of all limits of a server. The state of a counter is its theoretical arrival time: the time at which its quota
/// is full again, in nanoseconds of the clock.
///
/// A caller has at most one counter for each limit. If there are as many as there may be, and none can be removed, the
/// callers without a counter share one for each limit: they are limited more than the rate says, and never less.
#[derive(Clone)]
pub(super) struct Counters(Arc<State>);

struct State {
    /// The keys are keyed hashes already, so the hash of the maps needs no secret.
    shards: [Mutex<HashMap<u64, u64, FixedState>>; SHARDS],
    len: AtomicUsize,
    max: usize,
    /// For each limit, the counter of all callers, or of those without one.
    common: Box<[InMemoryState]>,
    clock: RateClock,
    pruned_at: AtomicU64,
    full: LogLimit,
}

impl Counters {
    /// Creates counters for a number of limits, with at most `max` of single callers.
    pub(super) fn new(limits: usize, max: usize, clock: RateClock) -> Self {
        let common = std::iter::repeat_with(InMemoryState::default).take(limits).collect();
        Self(Arc::new(State {
            shards: Default::default(),
            len: AtomicUsize::new(0),
            max,
            common,
            clock,
            pruned_at: AtomicU64::new(0),
            full: LogLimit::default(),
        }))
    }

    /// Number of counters of single callers.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len.load(Ordering::Relaxed)
    }
}

impl State {
    fn shard(&self, caller: u64) -> MutexGuard<'_, HashMap<u64, u64, FixedState>> {
        let index = usize::try_from(caller % SHARDS as u64).unwrap_or_default();
        self.shards[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place for one more counter.
    fn take_place(&self) -> bool {
        let below_max = |len| (len < self.max).then_some(len + 1);
        self.len.fetch_update(Ordering::Relaxed, Ordering::Relaxed, below_max).is_ok()
    }

    /// Removes the counters whose quota is full, at most once per [`PRUNE_INTERVAL`].
    fn prune(&self) {
        let now = self.clock.now().as_u64();
        let pruned_at = self.pruned_at.load(Ordering::Relaxed);
        let is_due = now.saturating_sub(pruned_at) >= PRUNE_INTERVAL
            && self.pruned_at.compare_exchange(pruned_at, now, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if !is_due {
            return;
        }
        for shard in &self.shards {
            let mut counters = shard.lock().unwrap_or_else(PoisonError::into_inner);
            let before = counters.len();
            counters.retain(|_, full_at| *full_at > now);
            self.len.fetch_sub(before - counters.len(), Ordering::Relaxed);
        }
    }
}

impl StateStore for Counters {
    type Key = Key;

    fn measure_and_replace<T, F, E>(&self, key: &Key, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let state = &*self.0;
        let Some(caller) = key.caller else {
            return state.common[key.limit].measure_and_replace(&NotKeyed::NonKey, decide);
        };
        for attempt in 0..2 {
            let mut counters = state.shard(caller);
            if let Some(full_at) = counters.get_mut(&caller) {
                let (outcome, next) = decide(Some((*full_at).into()))?;
                *full_at = next.as_u64();
                return Ok(outcome);
            }
            if state.take_place() {
                // The first request is within every rate.
                return decide(None).inspect_err(|_| _ = state.len.fetch_sub(1, Ordering::Relaxed)).map(
                    |(outcome, next)| {
                        counters.insert(caller, next.as_u64());
                        outcome
                    },
                );
            }
            drop(counters);
            if attempt == 0 {
                state.prune();
            }
        }
        state.full.log(|suppressed| {
            let max = state.max;
            tracing::warn!(
                max,
                suppressed,
                "all counters of rates are in use: callers without one share one for each limit; raise `rates.max_counters`"
            );
        });
        state.common[key.limit].measure_and_replace(&NotKeyed::NonKey, decide)
    }
}

#[cfg(test)]
mod tests {
    use std::{num::NonZeroU32, time::Duration};

    use governor::{Quota, RateLimiter, middleware::StateInformationMiddleware};

    use super::*;

    /// A limit of two requests in two seconds.
    fn limiter(
        counters: &Counters,
        clock: &RateClock,
    ) -> RateLimiter<Key, Counters, RateClock, StateInformationMiddleware> {
        let quota = Quota::with_period(Duration::from_secs(1)).unwrap().allow_burst(NonZeroU32::new(2).unwrap());
        RateLimiter::new(quota, counters.clone(), clock.clone())
    }

    fn caller(caller: u64) -> Key {
        Key { limit: 0, caller: Some(caller) }
    }

    #[test]
    fn each_caller_has_a_counter_that_refills() {
        let clock = RateClock::manual();
        let limiter = limiter(&Counters::new(1, 10, clock.clone()), &clock);
        for key in [caller(1), caller(2), Key { limit: 0, caller: None }] {
            let allowed = || limiter.check_key(&key).is_ok();
            assert!(allowed() && allowed() && !allowed());
        }
        clock.advance(Duration::from_secs(1));
        assert!(limiter.check_key(&caller(1)).is_ok() && limiter.check_key(&caller(1)).is_err());
    }

    #[test]
    fn callers_without_a_counter_share_one_and_are_never_unlimited() {
        let clock = RateClock::manual();
        let counters = Counters::new(1, 100, clock.clone());
        let limiter = limiter(&counters, &clock);
        let allowed =
            |callers: std::ops::Range<u64>| callers.filter(|&id| limiter.check_key(&caller(id)).is_ok()).count();
        assert_eq!((allowed(0..100), counters.len()), (100, 100));
        assert_eq!((allowed(100..10_000), counters.len()), (2, 100));
        assert_eq!(allowed(0..100), 100, "the callers with a counter are not affected");
        // Their quotas are full again after two seconds, so their counters are removed.
        clock.advance(Duration::from_secs(2));
        assert_eq!((allowed(200..250), counters.len()), (50, 50));
    }

    #[test]
    fn concurrent_threads_exceed_neither_the_rate_nor_the_number_of_counters() {
        let clock = RateClock::manual();
        let counters = Counters::new(1, 8, clock.clone());
        let limiter = limiter(&counters, &clock);
        let allowed = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for id in 0..1000 {
                        allowed
                            .fetch_add(usize::from(limiter.check_key(&caller(id % 16)).is_ok()), Ordering::Relaxed);
                    }
                });
            }
        });
        // Two for each of eight callers, and two for those without a counter.
        assert_eq!((allowed.into_inner(), counters.len()), (18, 8));
    }
}
