//! Which deliveries were applied already.

use std::{
    collections::{HashSet, VecDeque},
    time::Duration,
};

use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::signature::TOLERANCE;

/// As long as any delivery of that ID can be good: its time may lie ahead by the tolerance, and be past by it.
const KEEP: Duration = TOLERANCE.saturating_mul(2);
/// Past that, the oldest is forgotten. Applying an event again only asks again about tokens.
const MAX_IDS: usize = 10_000;

/// What an ID is remembered by: whatever its length, this is short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct IdDigest([u8; 32]);

impl IdDigest {
    pub(super) fn of(id: &str) -> Self {
        Self(Sha256::digest(id).into())
    }
}

/// The IDs of the last deliveries. Only those with a good signature get here.
#[derive(Debug, Default)]
pub(super) struct SeenIds {
    ids: HashSet<IdDigest>,
    order: VecDeque<(IdDigest, Instant)>,
}

impl SeenIds {
    pub(super) fn contains(&mut self, id: IdDigest) -> bool {
        self.forget_old();
        self.ids.contains(&id)
    }

    pub(super) fn insert(&mut self, id: IdDigest) {
        if self.ids.insert(id) {
            self.order.push_back((id, Instant::now()));
        }
        self.forget_old();
    }

    fn forget_old(&mut self) {
        while let Some((id, at)) = self.order.front() {
            if self.order.len() <= MAX_IDS && at.elapsed() <= KEEP {
                break;
            }
            self.ids.remove(id);
            self.order.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_id_is_known_for_as_long_as_its_delivery_can_be_good() {
        let mut seen = SeenIds::default();
        let id = IdDigest::of("msg_1");
        assert!(!seen.contains(id));
        seen.insert(id);
        tokio::time::advance(KEEP).await;
        assert!(seen.contains(id) && !seen.contains(IdDigest::of("msg_2")));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(!seen.contains(id));
        assert!(seen.ids.is_empty() && seen.order.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_deliveries_stays_bounded_and_the_last_ones_known() {
        let mut seen = SeenIds::default();
        for i in 0..3 * MAX_IDS {
            seen.insert(IdDigest::of(&i.to_string()));
        }
        assert_eq!((seen.ids.len(), seen.order.len()), (MAX_IDS, MAX_IDS));
        assert!(seen.contains(IdDigest::of(&(3 * MAX_IDS - 1).to_string())));
        assert!(!seen.contains(IdDigest::of("0")));
    }
}
