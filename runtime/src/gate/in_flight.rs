//! In-flight limit: a bound on concurrent requests, for the server and for each caller.

use std::{
    collections::HashMap,
    fmt,
    hash::{BuildHasher, RandomState},
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use axum::body::Body;
use bytes::Bytes;
use foldhash::fast::FixedState;
use http::Response;
use hyper::body::{Body as HttpBody, Frame, SizeHint};

use crate::{
    auth::{BearerToken, Caller},
    metrics::{self, GaugeHandle},
};

use super::rejection::Rejection;

/// Number of maps that callers are distributed over, to reduce lock contention.
const SHARDS: usize = 16;

/// Counter of in-flight requests. A request is in flight from its arrival until its response body has been sent or
/// dropped.
pub(crate) struct InFlightLimit {
    max: usize,
    max_per_caller: usize,
    total: AtomicUsize,
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

/// Requests of each caller. The keys are keyed hashes already, so the hash of the map needs no secret.
type Counts = HashMap<CallerKey, usize, FixedState>;

/// An in-flight request; it ends when this guard is dropped.
pub(crate) struct InFlightGuard {
    limit: Arc<InFlightLimit>,
    caller: Option<CallerKey>,
}

impl InFlightLimit {
    pub(crate) fn new(max: usize, max_per_caller: usize) -> Self {
        Self {
            max,
            max_per_caller,
            total: AtomicUsize::new(0),
            callers: Default::default(),
            hasher: RandomState::new(),
            gauge: GaugeHandle::new(metrics::IN_FLIGHT),
        }
    }

    /// Counts a request whose caller is not known yet.
    ///
    /// # Errors
    ///
    /// If the server-wide limit is reached.
    pub(crate) fn acquire(self: &Arc<Self>) -> Result<InFlightGuard, Rejection> {
        if self.total.fetch_add(1, Ordering::Relaxed) >= self.max {
            self.total.fetch_sub(1, Ordering::Relaxed);
            return Err(Rejection::TooManyRequests);
        }
        self.gauge.increment();
        Ok(InFlightGuard { limit: Arc::clone(self), caller: None })
    }

    /// Number of requests in flight.
    pub(crate) fn in_flight(&self) -> usize {
        self.total.load(Ordering::Relaxed)
    }

    /// Returns the key of a caller. A user in an organization is one caller, with any number of tokens; a token without a
    /// user is a caller of its own.
    fn key(&self, caller: &Caller, token: &BearerToken) -> CallerKey {
        CallerKey(match caller.user_id() {
            Some(user) => self.hasher.hash_one((0_u8, user, caller.org_id())),
            None => self.hasher.hash_one((1_u8, token.expose())),
        })
    }

    fn shard(&self, key: CallerKey) -> MutexGuard<'_, Counts> {
        let index = usize::try_from(key.0 % SHARDS as u64).unwrap_or_default();
        self.callers[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InFlightGuard {
    /// Counts the request against its caller's limit.
    ///
    /// # Errors
    ///
    /// If the caller's limit is reached.
    pub(crate) fn assign(&mut self, caller: &Caller, token: &BearerToken) -> Result<(), Rejection> {
        let key = self.limit.key(caller, token);
        let mut counts = self.limit.shard(key);
        let count = counts.entry(key).or_default();
        if *count >= self.limit.max_per_caller {
            return Err(Rejection::TooManyRequestsFromCaller);
        }
        *count += 1;
        drop(counts);
        self.caller = Some(key);
        Ok(())
    }

    /// Moves the guard into the response body.
    pub(crate) fn hold(self, response: Response<Body>) -> Response<Body> {
        response.map(|body| Body::new(GuardedBody { body, _guard: self }))
    }
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        if let Some(key) = self.caller {
            let mut counts = self.limit.shard(key);
            match counts.get_mut(&key) {
                Some(count) if *count > 1 => *count -= 1,
                _ => {
                    counts.remove(&key);
                }
            }
        }
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

/// Response body that ends its request when it is dropped.
struct GuardedBody {
    body: Body,
    _guard: InFlightGuard,
}

impl HttpBody for GuardedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;
    use crate::auth::Claims;

    fn caller(claims: &Claims) -> Caller {
        Caller::new(claims, Arc::default())
    }

    fn token(token: &str) -> BearerToken {
        BearerToken::parse(token).unwrap()
    }

    fn counted_callers(limit: &InFlightLimit) -> usize {
        limit.callers.iter().map(|shard| shard.lock().unwrap().len()).sum()
    }

    #[test]
    fn requests_beyond_the_limit_are_rejected_until_one_ends() {
        let limit = Arc::new(InFlightLimit::new(2, 2));
        let first = limit.acquire().unwrap();
        let second = limit.acquire().unwrap();
        assert!(limit.acquire().is_err());
        assert_eq!(limit.in_flight(), 2);
        drop(first);
        assert!(limit.acquire().is_ok());
        drop(second);
        assert_eq!(limit.in_flight(), 0);
    }

    #[test]
    fn a_user_is_one_caller_with_any_number_of_tokens() {
        let limit = Arc::new(InFlightLimit::new(10, 1));
        let harriet = || caller(&Claims::new().subject("harriet").organization("company", "HR"));
        let mut first = limit.acquire().unwrap();
        first.assign(&harriet(), &token("one")).unwrap();
        assert!(limit.acquire().unwrap().assign(&harriet(), &token("two")).is_err());
        let elsewhere = caller(&Claims::new().subject("harriet").organization("other", "HR"));
        assert!(limit.acquire().unwrap().assign(&elsewhere, &token("one")).is_ok());
        drop(first);
        assert!(limit.acquire().unwrap().assign(&harriet(), &token("two")).is_ok());
    }

    #[test]
    fn a_token_without_a_user_is_a_caller_of_its_own() {
        let limit = Arc::new(InFlightLimit::new(10, 1));
        let anonymous = caller(&Claims::new());
        let mut first = limit.acquire().unwrap();
        first.assign(&anonymous, &token("one")).unwrap();
        assert!(limit.acquire().unwrap().assign(&anonymous, &token("one")).is_err());
        assert!(limit.acquire().unwrap().assign(&anonymous, &token("two")).is_ok());
    }

    #[test]
    fn the_entry_of_a_caller_is_removed_with_the_last_request() {
        let limit = Arc::new(InFlightLimit::new(10_000, 2));
        let mut guards = Vec::new();
        for i in 0..1000 {
            let mut guard = limit.acquire().unwrap();
            guard.assign(&caller(&Claims::new().subject(i.to_string())), &token("t")).unwrap();
            guards.push(guard);
        }
        assert_eq!(counted_callers(&limit), 1000);
        guards.clear();
        assert_eq!(counted_callers(&limit), 0);
    }

    #[test]
    fn concurrent_threads_never_exceed_the_limit() {
        let limit = Arc::new(InFlightLimit::new(8, 3));
        std::thread::scope(|scope| {
            for user in 0..8 {
                let limit = &limit;
                scope.spawn(move || {
                    let caller = caller(&Claims::new().subject((user % 2).to_string()));
                    for _ in 0..2000 {
                        if let Ok(mut guard) = limit.acquire() {
                            let _ = guard.assign(&caller, &token("t"));
                            assert!(limit.shard(limit.key(&caller, &token("t"))).values().all(|&count| count <= 3));
                        }
                    }
                });
            }
        });
        assert_eq!((limit.in_flight(), counted_callers(&limit)), (0, 0));
    }

    #[tokio::test]
    async fn a_request_is_in_flight_until_its_response_body_is_dropped() {
        let limit = Arc::new(InFlightLimit::new(1, 1));
        let response = limit.acquire().unwrap().hold(Response::new(Body::from("a body")));
        assert_eq!((limit.in_flight(), response.body().size_hint().exact()), (1, Some(6)));
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "a body");
        assert_eq!(limit.in_flight(), 0);
        drop(limit.acquire().unwrap().hold(Response::new(Body::from("dropped"))));
        assert_eq!(limit.in_flight(), 0);
    }
}
