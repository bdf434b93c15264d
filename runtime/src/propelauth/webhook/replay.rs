//! Replay detection: IDs of applied deliveries.

use std::{
    collections::{HashSet, VecDeque},
    time::Duration,
};

use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::signature::TOLERANCE;

/// Time for which an ID is stored. A delivery may be sent `TOLERANCE` before or after the current time, so it is
/// valid for at most twice that.
const RETENTION: Duration = TOLERANCE.saturating_mul(2);
/// Maximum number of stored IDs; the oldest is evicted. Applying an event again is harmless: tokens are introspected
/// again.
const MAX_IDS: usize = 10_000;

/// SHA-256 of a delivery's ID, whose size does not depend on the ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct IdDigest([u8; 32]);

impl IdDigest {
    pub(super) fn of(id: &str) -> Self {
        Self(Sha256::digest(id).into())
    }
}

/// IDs of the last applied deliveries.
#[derive(Debug, Default)]
pub(super) struct AppliedIds {
    ids: HashSet<IdDigest>,
    /// IDs in the order of their insertion, the oldest first.
    order: VecDeque<(IdDigest, Instant)>,
}

impl AppliedIds {
    pub(super) fn contains(&mut self, id: IdDigest) -> bool {
        self.evict();
        self.ids.contains(&id)
    }

    pub(super) fn insert(&mut self, id: IdDigest) {
        if self.ids.insert(id) {
            self.order.push_back((id, Instant::now()));
        }
        self.evict();
    }

    fn evict(&mut self) {
        while let Some((id, at)) = self.order.front() {
            if self.order.len() <= MAX_IDS && at.elapsed() <= RETENTION {
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
    async fn an_id_is_stored_while_its_delivery_can_be_valid() {
        let mut applied = AppliedIds::default();
        let id = IdDigest::of("msg_1");
        assert!(!applied.contains(id));
        applied.insert(id);
        tokio::time::advance(RETENTION).await;
        assert!(applied.contains(id) && !applied.contains(IdDigest::of("msg_2")));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(!applied.contains(id));
        assert!(applied.ids.is_empty() && applied.order.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn the_number_of_ids_is_bounded_and_the_oldest_are_evicted() {
        let mut applied = AppliedIds::default();
        for i in 0..3 * MAX_IDS {
            applied.insert(IdDigest::of(&i.to_string()));
        }
        assert_eq!((applied.ids.len(), applied.order.len()), (MAX_IDS, MAX_IDS));
        assert!(applied.contains(IdDigest::of(&(3 * MAX_IDS - 1).to_string())));
        assert!(!applied.contains(IdDigest::of("0")));
    }
}
