//! In-flight limit: a bound on concurrent requests and on the memory of their bodies, for the server and for each caller.

use std::{
    collections::HashMap,
    fmt,
    hash::{BuildHasher, RandomState},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::body::Body;
use foldhash::fast::FixedState;
use http::Response;

use super::rejection::Rejection;
use crate::{
    auth::Caller,
    body::GuardedBody,
    metrics::{self, GaugeHandle},
};

/// Number of maps that callers are distributed over, to reduce lock contention.
const SHARDS: usize = 16;

/// Memory that the body of a request may take without a reservation, in bytes. The in-flight limit bounds these.
const UNRESERVED_BYTES: usize = 64 * 1024;
/// Part of the memory for bodies that one caller may take: a quarter.
const CALLER_SHARE: usize = 4;

/// Maxima of an [`InFlightLimit`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct InFlightMaxima {
    pub(crate) requests: usize,
    pub(crate) requests_per_caller: usize,
    /// Memory that the bodies of all requests take, in bytes.
    pub(crate) body_memory: usize,
}

/// Counter of in-flight requests of authenticated callers. A request is in flight from the lookup of its token until its
/// response body has been sent or dropped.
pub(crate) struct InFlightLimit {
    max: InFlightMaxima,
    total: AtomicUsize,
    /// Reserved memory for bodies, in bytes.
    body_memory: AtomicUsize,
    /// Requests of each caller. An entry exists only while its caller has a request in flight, so there are at most `max`.
    callers: [Mutex<Counts>; SHARDS],
    /// Keyed hasher for [`CallerKey`].
    hasher: RandomState,
    gauge: GaugeHandle,
}

/// Keyed hash of a caller, so that no token or user id is stored. Two callers with the same hash share a limit; without
/// the key, a caller cannot cause a collision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct CallerKey(u64);

/// Usage of each caller. The keys are keyed hashes already, so the hash of the map needs no secret.
type Counts = HashMap<CallerKey, Usage, FixedState>;

/// What one caller uses.
#[derive(Debug, Default)]
struct Usage {
    requests: usize,
    /// Reserved memory for bodies, in bytes.
    body_memory: usize,
}

/// An in-flight request; it ends when this guard is dropped.
pub(crate) struct InFlightGuard {
    limit: Arc<InFlightLimit>,
    caller: CallerKey,
    /// Reserved memory for the body, in bytes.
    body_memory: usize,
}

impl InFlightLimit {
    pub(crate) fn new(max: InFlightMaxima) -> Self {
        Self {
            max,
            total: AtomicUsize::new(0),
            body_memory: AtomicUsize::new(0),
            callers: Default::default(),
            hasher: RandomState::new(),
            gauge: GaugeHandle::new(metrics::IN_FLIGHT),
        }
    }

    /// Counts a request of a caller.
    ///
    /// # Errors
    ///
    /// The limit of the server or of the caller is reached.
    pub(crate) fn acquire(self: &Arc<Self>, caller: &Caller) -> Result<InFlightGuard, Rejection> {
        if self.total.fetch_add(1, Ordering::Relaxed) >= self.max.requests {
            self.total.fetch_sub(1, Ordering::Relaxed);
            return Err(Rejection::TooManyRequests);
        }
        let key = self.key(caller);
        let mut callers = self.shard(key);
        let usage = callers.entry(key).or_default();
        if usage.requests >= self.max.requests_per_caller {
            self.total.fetch_sub(1, Ordering::Relaxed);
            return Err(Rejection::TooManyRequestsFromCaller);
        }
        usage.requests += 1;
        drop(callers);
        self.gauge.increment();
        Ok(InFlightGuard { limit: Arc::clone(self), caller: key, body_memory: 0 })
    }

    /// Checks whether a request may be accepted, without counting it.
    ///
    /// # Errors
    ///
    /// The limit of the server is reached.
    pub(crate) fn check(&self) -> Result<(), Rejection> {
        if self.in_flight() < self.max.requests { Ok(()) } else { Err(Rejection::TooManyRequests) }
    }

    /// Number of requests in flight.
    pub(crate) fn in_flight(&self) -> usize {
        self.total.load(Ordering::Relaxed)
    }

    /// Returns the key of a caller, who is its [`Principal`](crate::auth::Principal).
    fn key(&self, caller: &Caller) -> CallerKey {
        CallerKey(self.hasher.hash_one(caller.principal()))
    }

    fn shard(&self, key: CallerKey) -> MutexGuard<'_, Counts> {
        let index = usize::try_from(key.0 % SHARDS as u64).unwrap_or_default();
        self.callers[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InFlightGuard {
    /// Sets the memory that is reserved for the body of the request, in bytes, until the request ends.
    ///
    /// # Errors
    ///
    /// The limit of the server is reached, or the caller's share of it.
    pub(crate) fn reserve_body_memory(&mut self, bytes: usize) -> Result<(), Rejection> {
        let bytes = if bytes <= UNRESERVED_BYTES { 0 } else { bytes };
        let reserved = self.body_memory;
        if bytes == reserved {
            return Ok(());
        }
        let limit = &self.limit;
        let mut callers = limit.shard(self.caller);
        let usage = callers.entry(self.caller).or_default();
        let of_caller = (usage.body_memory - reserved).saturating_add(bytes);
        if of_caller > limit.max.body_memory / CALLER_SHARE {
            return Err(Rejection::TooMuchBodyMemory);
        }
        let fits = |total: usize| {
            let total = (total - reserved).saturating_add(bytes);
            (total <= limit.max.body_memory || bytes < reserved).then_some(total)
        };
        if limit.body_memory.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_err() {
            return Err(Rejection::TooMuchBodyMemory);
        }
        usage.body_memory = of_caller;
        self.body_memory = bytes;
        Ok(())
    }

    /// Moves the guard into the response body.
    pub(crate) fn hold(self, response: Response<Body>) -> Response<Body> {
        response.map(|body| Body::new(GuardedBody::new(body, self)))
    }
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        let mut callers = self.limit.shard(self.caller);
        match callers.get_mut(&self.caller) {
            Some(usage) if usage.requests > 1 => {
                usage.requests -= 1;
                usage.body_memory -= self.body_memory;
            }
            _ => {
                callers.remove(&self.caller);
            }
        }
        drop(callers);
        self.limit.body_memory.fetch_sub(self.body_memory, Ordering::Relaxed);
        self.limit.total.fetch_sub(1, Ordering::Relaxed);
        self.limit.gauge.decrement();
    }
}

impl fmt::Debug for InFlightLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InFlightLimit")
            .field("max", &self.max)
            .field("in_flight", &self.in_flight())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use http_body::Body as _;
    use http_body_util::BodyExt;

    use super::*;
    use crate::auth::{BearerToken, Claims};

    fn limit(max: usize, max_per_caller: usize, max_body_memory: usize) -> Arc<InFlightLimit> {
        let max = InFlightMaxima { requests: max, requests_per_caller: max_per_caller, body_memory: max_body_memory };
        Arc::new(InFlightLimit::new(max))
    }

    fn caller(user: &str) -> Caller {
        caller_of("t", &Claims::new().subject(user))
    }

    fn caller_of(token: &str, claims: &Claims) -> Caller {
        Caller::of_token(&BearerToken::parse(token).unwrap(), claims, Arc::default())
    }

    fn acquire(limit: &Arc<InFlightLimit>, user: &str) -> Result<InFlightGuard, Rejection> {
        limit.acquire(&caller(user))
    }

    fn counted_callers(limit: &InFlightLimit) -> usize {
        limit.callers.iter().map(|shard| shard.lock().unwrap().len()).sum()
    }

    #[test]
    fn requests_beyond_the_limit_are_rejected_until_one_ends() {
        let limit = limit(2, 2, 0);
        let first = acquire(&limit, "ann").unwrap();
        let second = acquire(&limit, "bob").unwrap();
        assert!(acquire(&limit, "carol").is_err() && limit.check().is_err());
        assert_eq!(limit.in_flight(), 2);
        drop(first);
        assert!(limit.check().is_ok() && acquire(&limit, "carol").is_ok());
        drop(second);
        assert_eq!(limit.in_flight(), 0);
    }

    #[test]
    fn a_user_is_one_caller_with_any_number_of_tokens() {
        let limit = limit(10, 1, 0);
        let harriet = |token, org| caller_of(token, &Claims::new().subject("harriet").organization(org, "HR"));
        let first = limit.acquire(&harriet("one", "company")).unwrap();
        assert!(limit.acquire(&harriet("two", "company")).is_err());
        assert!(limit.acquire(&harriet("one", "other")).is_ok());
        drop(first);
        assert!(limit.acquire(&harriet("two", "company")).is_ok());
    }

    #[test]
    fn a_token_without_a_user_is_a_caller_of_its_own() {
        let limit = limit(10, 1, 0);
        let anonymous = |token| caller_of(token, &Claims::new());
        let _first = limit.acquire(&anonymous("one")).unwrap();
        assert!(limit.acquire(&anonymous("one")).is_err());
        assert!(limit.acquire(&anonymous("two")).is_ok());
    }

    #[test]
    fn the_entry_of_a_caller_is_removed_with_the_last_request() {
        let limit = limit(10_000, 2, 0);
        let guards: Vec<_> = (0..1000).map(|i| acquire(&limit, &i.to_string()).unwrap()).collect();
        assert_eq!(counted_callers(&limit), 1000);
        drop(guards);
        assert_eq!(counted_callers(&limit), 0);
    }

    #[test]
    fn concurrent_threads_never_exceed_the_limit() {
        let limit = limit(8, 3, 0);
        std::thread::scope(|scope| {
            for user in 0..8 {
                let limit = &limit;
                scope.spawn(move || {
                    let caller = caller(&(user % 2).to_string());
                    for _ in 0..2000 {
                        if let Ok(_guard) = limit.acquire(&caller) {
                            let key = limit.key(&caller);
                            assert!(limit.shard(key).values().all(|usage| usage.requests <= 3));
                        }
                    }
                });
            }
        });
        assert_eq!((limit.in_flight(), counted_callers(&limit)), (0, 0));
    }

    #[test]
    fn one_caller_takes_a_quarter_of_the_body_memory_and_all_callers_no_more_than_the_limit() {
        const MIB: usize = 1 << 20;
        let limit = limit(100, 100, 16 * MIB);
        let reserve = |user: &str, bytes| {
            let mut guard = acquire(&limit, user).unwrap();
            guard.reserve_body_memory(bytes).map(|()| guard)
        };
        assert!(reserve("ann", 4 * MIB + 1).is_err());
        let first = reserve("ann", 3 * MIB).unwrap();
        assert!(reserve("ann", 2 * MIB).is_err());
        let mut others: Vec<_> = ["bob", "carol", "dan"].map(|user| reserve(user, 4 * MIB).unwrap()).into();
        assert!(reserve("eve", 2 * MIB).is_err(), "the memory of the server is reserved");
        assert!(reserve("eve", UNRESERVED_BYTES).is_ok(), "a small body needs no reservation");
        others[0].reserve_body_memory(MIB).unwrap();
        assert!(reserve("eve", 4 * MIB).is_ok(), "a reservation can be lowered");
        drop(first);
        assert!(others[0].reserve_body_memory(4 * MIB).is_ok());
        others.clear();
        assert_eq!(limit.body_memory.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn a_request_is_in_flight_until_its_response_body_is_dropped() {
        let limit = limit(1, 1, 0);
        let response = acquire(&limit, "ann").unwrap().hold(Response::new(Body::from("a body")));
        assert_eq!((limit.in_flight(), response.body().size_hint().exact()), (1, Some(6)));
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "a body");
        assert_eq!(limit.in_flight(), 0);
        drop(acquire(&limit, "ann").unwrap().hold(Response::new(Body::from("dropped"))));
        assert_eq!(limit.in_flight(), 0);
    }
}
