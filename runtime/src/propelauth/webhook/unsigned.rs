//! Pool of deliveries whose body has not arrived. Until it has, any client can have sent them.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

use crate::peer::Peer;

/// Bounded number of deliveries. A new one is always admitted: in a full pool it replaces the oldest one of the peer that
/// has the most. A genuine delivery, whose body follows its head closely, is therefore not delayed by slow ones.
#[derive(Debug)]
pub(super) struct UnsignedDeliveries {
    max: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    next_id: u64,
    /// In the order of their arrival.
    places: Vec<HeldPlace>,
}

#[derive(Debug)]
struct HeldPlace {
    id: u64,
    /// `None` if the HTTP server does not report it.
    peer: Option<Peer>,
    _replaced: oneshot::Sender<()>,
}

/// Place of a delivery, until it is dropped or replaced.
#[derive(Debug)]
pub(super) struct Place<'a> {
    pool: &'a UnsignedDeliveries,
    id: u64,
    replaced: oneshot::Receiver<()>,
}

impl UnsignedDeliveries {
    pub(super) fn new(max: usize) -> Self {
        Self { max, held: Mutex::default() }
    }

    pub(super) fn admit(&self, peer: Option<Peer>) -> Place<'_> {
        let (sender, replaced) = oneshot::channel();
        let mut held = self.held();
        if held.places.len() >= self.max
            && let Some(at) = held.replaceable()
        {
            held.places.remove(at);
        }
        let id = held.next_id;
        held.next_id += 1;
        held.places.push(HeldPlace { id, peer, _replaced: sender });
        drop(held);
        Place { pool: self, id, replaced }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Returns the index of the oldest place of the peer with the most places.
    fn replaceable(&self) -> Option<usize> {
        let mut counts = HashMap::new();
        for place in &self.places {
            *counts.entry(place.peer).or_insert(0) += 1;
        }
        let most = counts.values().max().copied();
        self.places.iter().position(|place| counts.get(&place.peer).copied() == most)
    }
}

impl Place<'_> {
    /// Waits until the place was given to another delivery.
    pub(super) async fn replaced(&mut self) {
        // The sender is dropped and never used.
        let _ = (&mut self.replaced).await;
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.pool.held().places.retain(|place| place.id != self.id);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn peer(last: u8) -> Peer {
        Peer::new([192, 0, 2, last].into())
    }

    fn is_replaced(place: &mut Place<'_>) -> bool {
        place.replaced().now_or_never().is_some()
    }

    #[test]
    fn a_full_pool_replaces_the_oldest_delivery_of_the_peer_with_the_most() {
        let pool = UnsignedDeliveries::new(4);
        let mut genuine = pool.admit(Some(peer(1)));
        let mut first = pool.admit(Some(peer(2)));
        let mut others: Vec<_> = (0..10).map(|_| pool.admit(Some(peer(2)))).collect();
        assert!(is_replaced(&mut first) && !is_replaced(&mut genuine));
        let held = others.iter_mut().filter_map(|place| (!is_replaced(place)).then_some(place.id));
        assert_eq!(held.collect::<Vec<_>>(), [9, 10, 11], "the newest ones");
        assert_eq!(pool.held().places.len(), 4);
    }

    #[test]
    fn a_place_is_free_when_its_delivery_ends() {
        let pool = UnsignedDeliveries::new(1);
        drop(pool.admit(None));
        let mut second = pool.admit(None);
        assert!(!is_replaced(&mut second));
        let mut third = pool.admit(None);
        assert!(is_replaced(&mut second));
        drop(second);
        assert!(!is_replaced(&mut third), "a replaced delivery frees no place");
        assert_eq!(pool.held().places.len(), 1);
    }
}
