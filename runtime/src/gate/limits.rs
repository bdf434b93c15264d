//! How many requests are under way, overall and for each caller.

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
use http::Response;
use hyper::body::{Body as HttpBody, Frame, SizeHint};

use crate::{
    auth::{BearerToken, Caller},
    metrics::{self, GaugeHandle},
};

/// Callers are counted in several maps, so that they seldom wait for each other.
const SHARDS: usize = 16;

/// Counts requests from their arrival to the end of their response.
pub(crate) struct Limits {
    max: usize,
    max_per_caller: usize,
    under_way: AtomicUsize,
    /// An entry is there only while a request of its caller is under way, so there are never more than `max`.
    callers: [Mutex<HashMap<CallerKey, usize>>; SHARDS],
    /// The secret of the keys.
    hasher: RandomState,
    gauge: GaugeHandle,
}

/// A caller, as a keyed hash: nothing of a token or a person is kept. Two callers who fall together, which nobody can
/// bring about without the key, share a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct CallerKey(u64);

/// A request that is under way, until this is dropped.
pub(crate) struct Permit {
    limits: Arc<Limits>,
    caller: Option<CallerKey>,
}

/// The caller has too many requests under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooMany;

impl Limits {
    pub(crate) fn new(max: usize, max_per_caller: usize) -> Self {
        Self {
            max,
            max_per_caller,
            under_way: AtomicUsize::new(0),
            callers: Default::default(),
            hasher: RandomState::new(),
            gauge: GaugeHandle::new(metrics::IN_FLIGHT),
        }
    }

    /// Begins a request, of whom is not known yet.
    ///
    /// # Errors
    ///
    /// There are too many.
    pub(crate) fn begin(self: &Arc<Self>) -> Result<Permit, TooMany> {
        if self.under_way.fetch_add(1, Ordering::Relaxed) >= self.max {
            self.under_way.fetch_sub(1, Ordering::Relaxed);
            return Err(TooMany);
        }
        self.gauge.increment();
        Ok(Permit { limits: Arc::clone(self), caller: None })
    }

    /// How many requests are under way.
    pub(crate) fn under_way(&self) -> usize {
        self.under_way.load(Ordering::Relaxed)
    }

    /// A person in an organization is one caller with however many tokens; who has no name is known by the token.
    fn key(&self, caller: &Caller, token: &BearerToken) -> CallerKey {
        CallerKey(match caller.user_id() {
            Some(user) => self.hasher.hash_one((0_u8, user, caller.org_id())),
            None => self.hasher.hash_one((1_u8, token.expose())),
        })
    }

    fn shard(&self, key: CallerKey) -> MutexGuard<'_, HashMap<CallerKey, usize>> {
        let index = usize::try_from(key.0 % SHARDS as u64).unwrap_or_default();
        self.callers[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit {
    /// Counts the request as this caller's.
    ///
    /// # Errors
    ///
    /// The caller has too many.
    pub(crate) fn count_for(&mut self, caller: &Caller, token: &BearerToken) -> Result<(), TooMany> {
        let key = self.limits.key(caller, token);
        let mut counts = self.limits.shard(key);
        let count = counts.entry(key).or_default();
        if *count >= self.limits.max_per_caller {
            // With a limit of nothing at all the entry is new.
            if *count == 0 {
                counts.remove(&key);
            }
            return Err(TooMany);
        }
        *count += 1;
        drop(counts);
        self.caller = Some(key);
        Ok(())
    }

    /// The response, which holds the permit until it has been handed over or given up.
    pub(crate) fn hold(self, response: Response<Body>) -> Response<Body> {
        response.map(|body| Body::new(Held { body, _permit: self }))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(key) = self.caller {
            let mut counts = self.limits.shard(key);
            match counts.get_mut(&key) {
                Some(count) if *count > 1 => *count -= 1,
                _ => {
                    counts.remove(&key);
                }
            }
        }
        self.limits.under_way.fetch_sub(1, Ordering::Relaxed);
        self.limits.gauge.decrement();
    }
}

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limits").field("max", &self.max).field("under_way", &self.under_way()).finish_non_exhaustive()
    }
}

/// A body with the permit of its request.
struct Held {
    body: Body,
    _permit: Permit,
}

impl HttpBody for Held {
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

    fn callers_known(limits: &Limits) -> usize {
        limits.callers.iter().map(|shard| shard.lock().unwrap().len()).sum()
    }

    #[test]
    fn no_more_than_the_limit_is_let_in_and_whoever_leaves_makes_room() {
        let limits = Arc::new(Limits::new(2, 2));
        let first = limits.begin().unwrap();
        let second = limits.begin().unwrap();
        assert!(limits.begin().is_err());
        assert_eq!(limits.under_way(), 2);
        drop(first);
        assert!(limits.begin().is_ok());
        drop(second);
        assert_eq!(limits.under_way(), 0);
    }

    #[test]
    fn a_person_is_one_caller_with_however_many_tokens() {
        let limits = Arc::new(Limits::new(10, 1));
        let harriet = || caller(&Claims::new().subject("harriet").organization("company", "HR"));
        let mut first = limits.begin().unwrap();
        first.count_for(&harriet(), &token("one")).unwrap();
        assert_eq!(limits.begin().unwrap().count_for(&harriet(), &token("two")), Err(TooMany));
        let elsewhere = caller(&Claims::new().subject("harriet").organization("other", "HR"));
        assert_eq!(limits.begin().unwrap().count_for(&elsewhere, &token("one")), Ok(()));
        drop(first);
        assert_eq!(limits.begin().unwrap().count_for(&harriet(), &token("two")), Ok(()));
    }

    #[test]
    fn who_has_no_name_is_known_by_the_token() {
        let limits = Arc::new(Limits::new(10, 1));
        let nobody = caller(&Claims::new());
        let mut first = limits.begin().unwrap();
        first.count_for(&nobody, &token("one")).unwrap();
        assert_eq!(limits.begin().unwrap().count_for(&nobody, &token("one")), Err(TooMany));
        assert_eq!(limits.begin().unwrap().count_for(&nobody, &token("two")), Ok(()));
    }

    #[test]
    fn a_caller_is_forgotten_with_their_last_request() {
        let limits = Arc::new(Limits::new(10_000, 2));
        let mut permits = Vec::new();
        for i in 0..1000 {
            let mut permit = limits.begin().unwrap();
            permit.count_for(&caller(&Claims::new().subject(i.to_string())), &token("t")).unwrap();
            permits.push(permit);
        }
        assert_eq!(callers_known(&limits), 1000);
        permits.clear();
        assert_eq!(callers_known(&limits), 0);
        let nobody = Arc::new(Limits::new(1, 0));
        assert!(nobody.begin().unwrap().count_for(&caller(&Claims::new()), &token("t")).is_err());
        assert_eq!(callers_known(&nobody), 0);
    }

    #[test]
    fn threads_never_get_more_than_the_limit_between_them() {
        let limits = Arc::new(Limits::new(8, 3));
        std::thread::scope(|scope| {
            for user in 0..8 {
                let limits = &limits;
                scope.spawn(move || {
                    let caller = caller(&Claims::new().subject((user % 2).to_string()));
                    for _ in 0..2000 {
                        if let Ok(mut permit) = limits.begin() {
                            let _ = permit.count_for(&caller, &token("t"));
                            assert!(limits.shard(limits.key(&caller, &token("t"))).values().all(|&count| count <= 3));
                        }
                    }
                });
            }
        });
        assert_eq!((limits.under_way(), callers_known(&limits)), (0, 0));
    }

    #[tokio::test]
    async fn a_response_is_under_way_until_its_body_is_gone() {
        let limits = Arc::new(Limits::new(1, 1));
        let response = limits.begin().unwrap().hold(Response::new(Body::from("an answer")));
        assert_eq!((limits.under_way(), response.body().size_hint().exact()), (1, Some(9)));
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "an answer");
        assert_eq!(limits.under_way(), 0);
        drop(limits.begin().unwrap().hold(Response::new(Body::from("given up"))));
        assert_eq!(limits.under_way(), 0);
    }
}
