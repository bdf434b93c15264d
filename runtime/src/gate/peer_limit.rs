//! Places that strangers share, by the address they send from, so that no peer can take all of them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::peer::Peer;

/// A number of places for requests whose sender is not known yet. `T` is what the requests of one peer have in common.
#[derive(Debug)]
pub(crate) struct PeerLimit<T = ()> {
    max: usize,
    state: Mutex<State<T>>,
}

#[derive(Debug)]
struct State<T> {
    total: usize,
    /// Requests of each peer. An entry exists only while its peer has a request, so there are at most `max`.
    peers: HashMap<Option<Peer>, Usage<T>>,
}

#[derive(Debug)]
struct Usage<T> {
    requests: usize,
    shared: Arc<T>,
}

/// A place of a request. Dropping it frees the place.
#[derive(Debug)]
pub(crate) struct PeerPlace<T = ()> {
    limit: Arc<PeerLimit<T>>,
    peer: Option<Peer>,
    shared: Arc<T>,
}

impl<T: Default> PeerLimit<T> {
    pub(crate) fn new(max: usize) -> Self {
        Self { max, state: Mutex::new(State { total: 0, peers: HashMap::new() }) }
    }

    /// Takes a place for a peer. A peer may take a place while it has fewer than are free: alone, it takes half of the
    /// places, and another peer always finds some. `None` if the peer has its share.
    pub(crate) fn acquire(self: &Arc<Self>, peer: Option<Peer>) -> Option<PeerPlace<T>> {
        let mut state = self.lock();
        let free = self.max.saturating_sub(state.total);
        let requests = state.peers.get(&peer).map_or(0, |usage| usage.requests);
        if requests >= free {
            return None;
        }
        state.total += 1;
        let usage = state.peers.entry(peer).or_insert_with(|| Usage { requests: 0, shared: Arc::default() });
        usage.requests += 1;
        let shared = Arc::clone(&usage.shared);
        drop(state);
        Some(PeerPlace { limit: Arc::clone(self), peer, shared })
    }
}

impl<T> PeerLimit<T> {
    /// Number of places that are taken.
    pub(crate) fn len(&self) -> usize {
        self.lock().total
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> PeerPlace<T> {
    /// Returns what the requests of this peer have in common.
    pub(crate) fn shared(&self) -> &Arc<T> {
        &self.shared
    }
}

impl<T> Drop for PeerPlace<T> {
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

    fn take_all(limit: &Arc<PeerLimit>, peer: Option<Peer>) -> Vec<PeerPlace> {
        std::iter::from_fn(|| limit.acquire(peer)).collect()
    }

    #[test]
    fn one_peer_takes_half_of_the_places_and_the_next_half_of_the_rest() {
        let limit = Arc::new(PeerLimit::new(64));
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
    fn of_one_place_one_request_is_admitted() {
        let limit = Arc::new(PeerLimit::<()>::new(1));
        let only = limit.acquire(Some(peer(1))).unwrap();
        assert!(limit.acquire(Some(peer(1))).is_none() && limit.acquire(Some(peer(2))).is_none());
        drop(only);
        assert!(limit.acquire(Some(peer(2))).is_some());
    }

    #[test]
    fn only_the_requests_of_one_peer_share_a_value() {
        let limit = Arc::new(PeerLimit::<u8>::new(8));
        let [first, second, other] = [1, 1, 2].map(|last| limit.acquire(Some(peer(last))).unwrap());
        assert!(Arc::ptr_eq(first.shared(), second.shared()));
        assert!(!Arc::ptr_eq(first.shared(), other.shared()));
    }
}
