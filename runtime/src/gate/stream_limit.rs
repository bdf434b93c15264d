//! Limit on open streams: responses that stay open to notify the client, for the server and for each caller.
//!
//! Such a stream can be open for hours. It is therefore not counted as a request in flight, so that a caller with many
//! streams can still send requests.

use std::{
    collections::HashMap,
    fmt,
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::body::Body;
use http::Response;

use super::rejection::Rejection;
use crate::{
    auth::Caller,
    body::GuardedBody,
    metrics::{self, GaugeHandle},
};

/// Maxima of a [`StreamLimit`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct StreamMaxima {
    pub(crate) streams: usize,
    pub(crate) streams_per_caller: usize,
}

/// Counter of the open streams of authenticated callers.
pub(crate) struct StreamLimit {
    max: StreamMaxima,
    counts: Mutex<Counts>,
    /// Keyed hasher of callers, so that no user ID is stored and no caller can cause a collision.
    hasher: RandomState,
    gauge: GaugeHandle,
}

#[derive(Default)]
struct Counts {
    total: usize,
    /// Streams of each caller that has one.
    callers: HashMap<u64, usize>,
}

/// An open stream; it ends when this guard is dropped.
pub(crate) struct StreamGuard {
    limit: Arc<StreamLimit>,
    caller: u64,
}

impl StreamLimit {
    pub(crate) fn new(max: StreamMaxima) -> Self {
        Self { max, counts: Mutex::default(), hasher: RandomState::new(), gauge: GaugeHandle::new(metrics::STREAMS) }
    }

    /// Counts a stream of a caller.
    ///
    /// # Errors
    ///
    /// The limit of the server or of the caller is reached.
    pub(crate) fn acquire(self: &Arc<Self>, caller: &Caller) -> Result<StreamGuard, Rejection> {
        let key = self.hasher.hash_one(caller.principal());
        let mut counts = self.lock();
        if counts.total >= self.max.streams {
            return Err(Rejection::TooManyStreams);
        }
        let of_caller = counts.callers.get(&key).copied().unwrap_or_default();
        if of_caller >= self.max.streams_per_caller {
            return Err(Rejection::TooManyStreamsFromCaller);
        }
        counts.callers.insert(key, of_caller + 1);
        counts.total += 1;
        drop(counts);
        self.gauge.increment();
        Ok(StreamGuard { limit: Arc::clone(self), caller: key })
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StreamGuard {
    /// Moves the guard into the response body.
    pub(crate) fn hold(self, response: Response<Body>) -> Response<Body> {
        response.map(|body| Body::new(GuardedBody::new(body, self)))
    }
}

impl Drop for StreamGuard {
    fn drop(&mut self) {
        let mut counts = self.limit.lock();
        counts.total -= 1;
        match counts.callers.get_mut(&self.caller) {
            Some(of_caller) if *of_caller > 1 => *of_caller -= 1,
            _ => {
                counts.callers.remove(&self.caller);
            }
        }
        drop(counts);
        self.limit.gauge.decrement();
    }
}

impl fmt::Debug for StreamLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamLimit")
            .field("max", &self.max)
            .field("open", &self.lock().total)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{BearerToken, Claims};

    fn acquire(limit: &Arc<StreamLimit>, user: &str) -> Result<StreamGuard, Rejection> {
        let token = BearerToken::parse("t").unwrap();
        limit.acquire(&Caller::of_token(&token, &Claims::new().subject(user), Arc::default()))
    }

    #[test]
    fn streams_beyond_a_limit_are_rejected_until_one_ends() {
        let limit = Arc::new(StreamLimit::new(StreamMaxima { streams: 3, streams_per_caller: 2 }));
        let first = acquire(&limit, "ann").unwrap();
        let second = acquire(&limit, "ann").unwrap();
        assert!(matches!(acquire(&limit, "ann"), Err(Rejection::TooManyStreamsFromCaller)));
        let third = acquire(&limit, "bob").unwrap();
        assert!(matches!(acquire(&limit, "carol"), Err(Rejection::TooManyStreams)));
        drop(first);
        let again = acquire(&limit, "ann").unwrap();
        drop((second, third, again));
        assert!(limit.lock().callers.is_empty() && limit.lock().total == 0);
    }

    #[test]
    fn a_stream_is_open_until_its_response_body_is_dropped() {
        let limit = Arc::new(StreamLimit::new(StreamMaxima { streams: 1, streams_per_caller: 1 }));
        let response = acquire(&limit, "ann").unwrap().hold(Response::new(Body::from("events")));
        assert!(acquire(&limit, "bob").is_err());
        drop(response);
        assert!(acquire(&limit, "bob").is_ok());
    }
}
