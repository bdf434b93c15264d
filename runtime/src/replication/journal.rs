//! Journal of a replica: maps stream positions to epochs of its revocation clock, and tracks unpublished revocations.

use std::{collections::VecDeque, sync::Arc};

use super::stream_entry::EntryId;
use crate::auth::{Epoch, Revocation, StreamPosition};

/// Maximum number of applied entries whose epochs are stored.
const MAX_APPLIED: usize = 4096;
/// Maximum number of pending revocations. More are replaced by one revocation of all tokens.
const MAX_PENDING: usize = 1000;

/// Entries that were read from the stream, and revocations that are not yet in it.
#[derive(Debug, Default)]
pub(super) struct Journal {
    /// Run ID of the Redis server that the entries are from.
    run_id: Option<Arc<str>>,
    /// Applied entries, each with the epoch right after it was applied. Later entries have later epochs.
    applied: VecDeque<(EntryId, Epoch)>,
    /// Revocations whose publication failed.
    pending: Vec<Revocation>,
    /// Number of publications in progress.
    publishing: usize,
    /// Latest entry that this replica published.
    last_published: EntryId,
}

impl Journal {
    /// Restarts the journal after an entry. At this epoch, all cached tokens were invalidated.
    pub(super) fn restart(&mut self, run_id: Arc<str>, entry: EntryId, epoch: Epoch) {
        self.run_id = Some(run_id);
        self.applied.clear();
        self.applied.push_back((entry, epoch));
        self.last_published = EntryId::default();
    }

    pub(super) fn record_applied(&mut self, entry: EntryId, epoch: Epoch) {
        self.applied.push_back((entry, epoch));
        if self.applied.len() > MAX_APPLIED {
            self.applied.pop_front();
        }
    }

    /// Returns the run ID of the Redis server and the latest entry that was applied.
    pub(super) fn last_applied(&self) -> Option<(Arc<str>, EntryId)> {
        let (entry, _) = self.applied.back()?;
        Some((Arc::clone(self.run_id.as_ref()?), *entry))
    }

    pub(super) fn position(&self) -> Option<StreamPosition> {
        let (run_id, entry) = self.last_applied()?;
        Some(StreamPosition { run_id, entry: (entry.0, entry.1) })
    }

    /// Returns the epoch of this replica at a stream position. A replica at that position has applied all revocations
    /// up to this epoch, and no later ones.
    ///
    /// `None` if the position is unknown, or while a revocation of this replica is not in the stream or has not been
    /// read from it: such a revocation has an epoch, but no known position.
    pub(super) fn epoch_at(&self, position: &StreamPosition) -> Option<Epoch> {
        let (run_id, last_applied) = self.last_applied()?;
        let has_unread_revocations =
            self.publishing > 0 || !self.pending.is_empty() || self.last_published > last_applied;
        if has_unread_revocations || run_id != position.run_id {
            return None;
        }
        let entry = EntryId(position.entry.0, position.entry.1);
        let after = self.applied.partition_point(|(applied, _)| *applied <= entry);
        self.applied.get(after.checked_sub(1)?).map(|(_, epoch)| *epoch)
    }

    /// Records that a publication starts. Call this before its revocations are applied to the revocation clock.
    pub(super) fn publication_started(&mut self) {
        self.publishing += 1;
    }

    /// Records that the revocations of a publication are in the stream.
    pub(super) fn published(&mut self, entry: EntryId) {
        self.publishing = self.publishing.saturating_sub(1);
        self.last_published = self.last_published.max(entry);
    }

    /// Records that a publication failed. Its revocations may be in the stream, and must be published again.
    pub(super) fn publication_failed(&mut self, revocations: &[Revocation]) {
        self.publishing = self.publishing.saturating_sub(1);
        self.pending.extend_from_slice(revocations);
        if self.pending.len() > MAX_PENDING {
            self.pending = vec![Revocation::All];
        }
    }

    /// Returns the revocations that must be published again, and records that their publication starts if there are
    /// any.
    pub(super) fn take_pending(&mut self) -> Vec<Revocation> {
        if !self.pending.is_empty() {
            self.publishing += 1;
        }
        std::mem::take(&mut self.pending)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::auth::RevocationClock;

    struct Clock(RevocationClock);

    impl Clock {
        fn tick(&self) -> Epoch {
            self.0.revoke(&Revocation::All)
        }
    }

    fn journal() -> (Journal, Clock, Epoch) {
        let (mut journal, clock) = (Journal::default(), Clock(RevocationClock::new(Duration::from_mins(1))));
        let start = clock.tick();
        journal.restart("run".into(), EntryId(5, 0), start);
        (journal, clock, start)
    }

    fn position(run_id: &str, time: u64) -> StreamPosition {
        StreamPosition { run_id: run_id.into(), entry: (time, 0) }
    }

    #[tokio::test]
    async fn the_epoch_at_a_position_is_that_of_its_last_applied_entry() {
        let (mut journal, clock, start) = journal();
        let six = clock.tick();
        journal.record_applied(EntryId(6, 0), six);
        let eight = clock.tick();
        journal.record_applied(EntryId(8, 0), eight);
        // A revocation that is not in the stream: no position has its epoch.
        clock.tick();
        let epoch = |time| journal.epoch_at(&position("run", time));
        assert_eq!(
            [4, 5, 6, 7, 8, 9].map(epoch),
            [None, Some(start), Some(six), Some(six), Some(eight), Some(eight)]
        );
        assert_eq!(journal.epoch_at(&position("another run", 6)), None);
        assert_eq!(journal.position(), Some(position("run", 8)));
    }

    #[tokio::test]
    async fn no_position_has_an_epoch_until_own_revocations_are_read_from_the_stream() {
        let (mut journal, clock, start) = journal();
        let current = position("run", 5);
        journal.publication_started();
        assert_eq!(journal.epoch_at(&current), None);
        journal.published(EntryId(6, 0));
        assert_eq!(journal.epoch_at(&current), None, "the entry has not been read");
        journal.record_applied(EntryId(6, 0), clock.tick());
        assert_eq!(journal.epoch_at(&current), Some(start));

        journal.publication_started();
        journal.publication_failed(&[Revocation::All]);
        assert_eq!(journal.epoch_at(&current), None, "the revocation must be published again");
        assert_eq!(journal.take_pending(), [Revocation::All]);
        assert_eq!(journal.epoch_at(&current), None);
        journal.published(EntryId(6, 0));
        assert_eq!(journal.epoch_at(&current), Some(start));
        assert!(journal.take_pending().is_empty());
        assert_eq!(journal.epoch_at(&current), Some(start));
    }

    #[tokio::test]
    async fn old_entries_are_evicted_and_too_many_pending_revocations_become_one_of_all_tokens() {
        let (mut journal, clock, _) = journal();
        for time in 0..MAX_APPLIED as u64 {
            journal.record_applied(EntryId(6 + time, 0), clock.tick());
        }
        assert_eq!(journal.epoch_at(&position("run", 5)), None);
        assert!(journal.epoch_at(&position("run", 6)).is_some());
        for _ in 0..=MAX_PENDING {
            journal.publication_started();
            journal.publication_failed(&[Revocation::User("u".into())]);
        }
        assert_eq!(journal.take_pending(), [Revocation::All]);
    }
}
