//! Cache of values that belong to users: bounded, with one request for concurrent calls, and ended by revocations.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared, WeakShared},
};
use quick_cache::{Weighter, sync::Cache};
use tokio::time::Instant;

use super::DirectoryError;
use crate::auth::{Epoch, RevocationClock};

/// Maximum number of cached values.
const MAX_ENTRIES: u64 = 10_000;
/// Maximum size of all cached values, in bytes.
const MAX_BYTES: u64 = 16 * 1024 * 1024;
/// Maximum number of requests for one call, if a revocation invalidates each response while it is in flight.
const MAX_LOADS: usize = 3;
/// Minimum time between two removals of expired entries.
const SWEEP_INTERVAL: Duration = Duration::from_mins(1);
/// Number of requests in flight from which on those that were cancelled are removed.
const MIN_LOADS_TO_SWEEP: usize = 256;

/// Value that belongs to a user.
pub(super) trait UserValue: Send + Sync + 'static {
    /// Returns the organizations that the value is about. A revocation of one of them as a whole ends
    /// the value.
    fn organizations(&self) -> impl Iterator<Item = &str>;
}

/// Value of a user, from the directory.
pub(super) struct Loaded<V> {
    pub(super) value: V,
    /// Time for which the value is used.
    pub(super) ttl: Duration,
    /// Upper bound of the bytes that the value takes.
    pub(super) bytes: usize,
}

struct Entry<V> {
    value: Arc<V>,
    /// Epoch of the revocation clock from before the request.
    epoch: Epoch,
    expires_at: Instant,
    bytes: u64,
}

impl<V> Clone for Entry<V> {
    fn clone(&self) -> Self {
        Self { value: Arc::clone(&self.value), ..*self }
    }
}

/// Weight of entries: their bytes, and at least `MAX_BYTES / MAX_ENTRIES`, so that one capacity limits both.
#[derive(Clone)]
struct EntryWeighter;

impl<V> Weighter<String, Entry<V>> for EntryWeighter {
    fn weight(&self, key: &String, entry: &Entry<V>) -> u64 {
        (entry.bytes + key.len() as u64).max(MAX_BYTES / MAX_ENTRIES)
    }
}

type Load<V> = BoxFuture<'static, Result<Entry<V>, DirectoryError>>;

/// Cache of the values of users. A value is used for its TTL, and until a revocation concerns its user.
pub(super) struct UserCache<V> {
    entries: Cache<String, Entry<V>, EntryWeighter>,
    /// Requests in flight, each as long as a call waits for it.
    loads: Mutex<HashMap<String, WeakShared<Load<V>>>>,
    clock: Arc<RevocationClock>,
    swept_at: Mutex<Instant>,
}

impl<V: UserValue> UserCache<V> {
    pub(super) fn new(clock: Arc<RevocationClock>) -> Self {
        let capacity = usize::try_from(MAX_ENTRIES).unwrap_or(usize::MAX);
        Self {
            entries: Cache::with_weighter(capacity, MAX_BYTES, EntryWeighter),
            loads: Mutex::default(),
            clock,
            swept_at: Mutex::new(Instant::now()),
        }
    }

    /// Returns the value of a user from the cache, or loads it. Concurrent calls share a load and its error. Errors are not
    /// cached.
    pub(super) async fn get<F>(&self, user: &str, key: &str, load: F) -> Result<Arc<V>, DirectoryError>
    where
        F: Fn() -> BoxFuture<'static, Result<Loaded<V>, DirectoryError>>,
    {
        let is_current =
            |entry: &Entry<V>| self.clock.is_current_user(user, entry.value.organizations(), entry.epoch);
        if let Some(entry) = self.entries.get(key) {
            if entry.expires_at > Instant::now() && is_current(&entry) {
                return Ok(entry.value);
            }
            self.entries.remove(key);
        }
        for _ in 0..MAX_LOADS {
            let shared = self.load(key, &load);
            let result = shared.clone().await;
            self.end(key, &shared);
            let entry = result?;
            // The request may have been sent before a revocation, also by another call.
            if is_current(&entry) {
                self.remove_expired();
                self.entries.insert(key.to_owned(), entry.clone());
                return Ok(entry.value);
            }
        }
        Err(DirectoryError::Revoked)
    }

    /// Removes expired entries, at most once in each [`SWEEP_INTERVAL`]: they hold data of users, and tokens.
    fn remove_expired(&self) {
        let now = Instant::now();
        {
            let mut swept_at = self.swept_at.lock().unwrap_or_else(PoisonError::into_inner);
            if now.duration_since(*swept_at) < SWEEP_INTERVAL {
                return;
            }
            *swept_at = now;
        }
        self.entries.retain(|_, entry| entry.expires_at > now);
    }

    /// Returns the load in flight, or a new one.
    fn load<F>(&self, key: &str, load: &F) -> Shared<Load<V>>
    where
        F: Fn() -> BoxFuture<'static, Result<Loaded<V>, DirectoryError>>,
    {
        let mut loads = self.lock();
        if let Some(shared) = loads.get(key).and_then(WeakShared::upgrade) {
            return shared;
        }
        let (clock, loading) = (Arc::clone(&self.clock), load());
        let shared = async move {
            // Read before the request is sent: the response does not reflect later revocations.
            let epoch = clock.epoch();
            let Loaded { value, ttl, bytes } = loading.await?;
            let expires_at = Instant::now() + ttl;
            Ok(Entry { value: Arc::new(value), epoch, expires_at, bytes: bytes as u64 })
        }
        .boxed()
        .shared();
        if loads.len() >= MIN_LOADS_TO_SWEEP {
            loads.retain(|_, load| load.upgrade().is_some());
        }
        if let Some(weak) = shared.downgrade() {
            loads.insert(key.to_owned(), weak);
        }
        shared
    }

    /// Removes a load that has ended.
    fn end(&self, key: &str, ended: &Shared<Load<V>>) {
        let mut loads = self.lock();
        if loads.get(key).and_then(WeakShared::upgrade).is_some_and(|load| load.ptr_eq(ended)) {
            loads.remove(key);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, WeakShared<Load<V>>>> {
        self.loads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Semaphore;

    use super::*;
    use crate::auth::{Revocation, Unavailable};

    impl UserValue for usize {
        fn organizations(&self) -> impl Iterator<Item = &str> {
            ["o"].into_iter()
        }
    }

    fn cache() -> (Arc<UserCache<usize>>, Arc<RevocationClock>) {
        let clock = Arc::new(RevocationClock::new(Duration::from_mins(5)));
        (Arc::new(UserCache::new(Arc::clone(&clock))), clock)
    }

    fn loaded(value: usize) -> Loaded<usize> {
        Loaded { value, ttl: Duration::from_mins(1), bytes: 8 }
    }

    /// Returns a load whose value is the number of loads so far, each of which waits for a permit.
    fn counting(
        loads: &Arc<AtomicUsize>,
        permits: &Arc<Semaphore>,
    ) -> impl Fn() -> BoxFuture<'static, Result<Loaded<usize>, DirectoryError>> + use<> {
        let (loads, permits) = (Arc::clone(loads), Arc::clone(permits));
        move || {
            let (loads, permits) = (Arc::clone(&loads), Arc::clone(&permits));
            async move {
                let load = loads.fetch_add(1, Ordering::SeqCst) + 1;
                permits.acquire().await.unwrap().forget();
                Ok(loaded(load))
            }
            .boxed()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_value_is_used_until_its_ttl_and_until_its_user_is_revoked() {
        let (cache, clock) = cache();
        let load = counting(&Arc::default(), &Arc::new(Semaphore::new(100)));
        let get = async |user: &str| *cache.get(user, user, &load).await.unwrap();
        assert_eq!((get("u").await, get("u").await, get("v").await), (1, 1, 2));
        clock.revoke(&Revocation::User("u".into()));
        assert_eq!((get("u").await, get("v").await), (3, 2));
        clock.revoke(&Revocation::Member { user: "v".into(), org: "o".into() });
        assert_eq!((get("u").await, get("v").await), (3, 4));
        clock.revoke(&Revocation::Organization("another".into()));
        assert_eq!((get("u").await, get("v").await), (3, 4));
        clock.revoke(&Revocation::Organization("o".into()));
        assert_eq!((get("u").await, get("v").await), (5, 6));
        tokio::time::advance(Duration::from_secs(61)).await;
        assert_eq!((get("u").await, get("u").await), (7, 7));
    }

    #[tokio::test]
    async fn concurrent_calls_share_one_request_even_if_the_first_is_cancelled() {
        let (cache, _) = cache();
        let (loads, permits) = (Arc::default(), Arc::new(Semaphore::new(0)));
        let call = || {
            let (cache, load) = (Arc::clone(&cache), counting(&loads, &permits));
            tokio::spawn(async move { *cache.get("u", "u", load).await.unwrap() })
        };
        let first = call();
        let others: Vec<_> = (0..10).map(|_| call()).collect();
        while loads.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        tokio::task::yield_now().await;
        first.abort();
        permits.add_permits(1);
        for other in others {
            assert_eq!(other.await.unwrap(), 1);
        }
        assert_eq!(cache.lock().len(), 0);
    }

    #[tokio::test]
    async fn a_response_from_before_a_revocation_is_not_used() {
        let (cache, clock) = cache();
        let (loads, permits) = (Arc::<AtomicUsize>::default(), Arc::new(Semaphore::new(0)));
        let (other, load) = (Arc::clone(&cache), counting(&loads, &permits));
        let call = tokio::spawn(async move { *other.get("u", "u", load).await.unwrap() });
        while loads.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        clock.revoke(&Revocation::User("u".into()));
        permits.add_permits(2);
        assert_eq!(call.await.unwrap(), 2);
    }

    #[tokio::test]
    async fn an_error_is_returned_and_not_cached() {
        let (cache, _) = cache();
        let failing = || async { Err(DirectoryError::from(Unavailable::new("down"))) }.boxed();
        assert!(matches!(cache.get("u", "u", failing).await, Err(DirectoryError::Unavailable(_))));
        let working = || async { Ok(loaded(7)) }.boxed();
        assert_eq!(*cache.get("u", "u", working).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn the_number_and_the_bytes_of_values_are_bounded() {
        let (cache, _) = cache();
        for (bytes, max) in [(1, MAX_ENTRIES), (1024 * 1024, 16)] {
            for user in 0..2 * max {
                let load = || async move { Ok(Loaded { value: 0, ttl: Duration::from_mins(1), bytes }) }.boxed();
                let key = format!("{bytes} {user}");
                cache.get(&key, &key, load).await.unwrap();
            }
            assert!(cache.entries.len() as u64 <= MAX_ENTRIES && cache.entries.weight() <= MAX_BYTES);
        }
    }
}
