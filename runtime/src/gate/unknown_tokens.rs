//! Limit on requests with unknown tokens: a pool of their own, shared between the peers that send them.
//!
//! Any client can invent tokens. Requests with them occupy no place of the in-flight limit, so they cannot cause a request
//! with a known token to be rejected.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Semaphore;

use super::rejection::Rejection;
use crate::{auth::TokenClass, peer::Peer};

/// Maximum number of concurrent validations for one peer: half of those for all unknown tokens, so that a token of
/// another peer does not wait behind them.
const MAX_VALIDATIONS_PER_PEER: usize = 32;

/// Pool of requests whose token is being validated and was not valid before.
#[derive(Debug)]
pub(crate) struct UnknownTokenLimit {
    max: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    total: usize,
    /// Requests of each peer. An entry exists only while its peer has a request, so there are at most `max`.
    peers: HashMap<Option<Peer>, Usage>,
}

#[derive(Debug)]
struct Usage {
    requests: usize,
    validations: Arc<Semaphore>,
}

/// A place in the pool. Dropping it frees the place.
#[derive(Debug)]
pub(crate) struct UnknownTokenGuard {
    limit: Arc<UnknownTokenLimit>,
    peer: Option<Peer>,
    validations: Arc<Semaphore>,
}

impl UnknownTokenLimit {
    pub(crate) fn new(max: usize) -> Self {
        Self { max, state: Mutex::default() }
    }

    /// Takes a place for a peer. A peer may take a place while it has fewer than are free: alone, it takes half of the
    /// pool, and another peer always finds places.
    ///
    /// # Errors
    ///
    /// The peer has its share.
    pub(crate) fn acquire(self: &Arc<Self>, peer: Option<Peer>) -> Result<UnknownTokenGuard, Rejection> {
        let mut state = self.lock();
        let free = self.max.saturating_sub(state.total);
        let requests = state.peers.get(&peer).map_or(0, |usage| usage.requests);
        if requests >= free {
            return Err(Rejection::TooManyUnknownTokens);
        }
        state.total += 1;
        let entry = state.peers.entry(peer).or_insert_with(|| Usage {
            requests: 0,
            validations: Arc::new(Semaphore::new(MAX_VALIDATIONS_PER_PEER)),
        });
        entry.requests += 1;
        let validations = Arc::clone(&entry.validations);
        drop(state);
        Ok(UnknownTokenGuard { limit: Arc::clone(self), peer, validations })
    }

    /// Number of requests in the pool.
    pub(crate) fn len(&self) -> usize {
        self.lock().total
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl UnknownTokenGuard {
    /// Returns the class of the token, with which it is validated.
    pub(crate) fn token_class(&self) -> TokenClass {
        TokenClass::Unknown { validations_of_peer: Arc::clone(&self.validations) }
    }
}

impl Drop for UnknownTokenGuard {
    fn drop(&mut self) {
        let mut state = self.limit.lock();
        state.total -= 1;
        if let Some(usage) = state.peers.get_mut(&self.peer) {
            usage.requests -= 1;
            if usage.requests == 0 {
                state.peers.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(last: u8) -> Peer {
        Peer::new([192, 0, 2, last].into())
    }

    fn take_all(limit: &Arc<UnknownTokenLimit>, peer: Option<Peer>) -> Vec<UnknownTokenGuard> {
        std::iter::from_fn(|| limit.acquire(peer).ok()).collect()
    }

    #[test]
    fn one_peer_takes_half_of_the_pool_and_the_next_half_of_the_rest() {
        let limit = Arc::new(UnknownTokenLimit::new(64));
        let first = take_all(&limit, Some(peer(1)));
        let second = take_all(&limit, Some(peer(2)));
        let third = take_all(&limit, None);
        assert_eq!([first.len(), second.len(), third.len()], [32, 16, 8]);
        assert_eq!(limit.len(), 56);
        drop(first);
        assert!(!take_all(&limit, Some(peer(3))).is_empty());
        drop((second, third));
        assert_eq!((limit.len(), limit.lock().peers.len()), (0, 0));
    }

    #[test]
    fn a_pool_of_one_place_admits_one_request() {
        let limit = Arc::new(UnknownTokenLimit::new(1));
        let only = limit.acquire(Some(peer(1))).unwrap();
        assert!(limit.acquire(Some(peer(1))).is_err() && limit.acquire(Some(peer(2))).is_err());
        drop(only);
        assert!(limit.acquire(Some(peer(2))).is_ok());
    }

    #[test]
    fn each_peer_has_its_own_validations() {
        let limit = Arc::new(UnknownTokenLimit::new(8));
        let validations = |last| match limit.acquire(Some(peer(last))).unwrap().token_class() {
            TokenClass::Unknown { validations_of_peer } => validations_of_peer,
            TokenClass::Known => panic!("the token is unknown"),
        };
        let _place = limit.acquire(Some(peer(1))).unwrap();
        assert!(Arc::ptr_eq(&validations(1), &validations(1)));
        assert!(!Arc::ptr_eq(&validations(1), &validations(2)));
        assert_eq!(validations(1).available_permits(), MAX_VALIDATIONS_PER_PEER);
    }
}
