//! The stream's entries on this replica's own clock of revocations.

use std::{collections::VecDeque, sync::Arc};

use super::stream_entry::EntryId;
use crate::auth::{Epoch, Revocation, StreamPosition};

/// How many entries are known by their moment.
const KEEP: usize = 4096;
/// How many revocations wait to be told; past that, everybody's access is.
const MAX_UNTOLD: usize = 1000;

/// What was read from the stream, and what it was not told yet.
#[derive(Debug, Default)]
pub(super) struct Journal {
    /// Which Redis it is read from.
    history: Option<Arc<str>>,
    /// The moment right after each entry was applied. What stands behind an entry has a later one.
    applied: VecDeque<(EntryId, Epoch)>,
    untold: Vec<Revocation>,
    /// How many revocations are on their way to the stream.
    telling: usize,
    /// The last entry of our own.
    told: EntryId,
}

impl Journal {
    /// Begins anew, behind this entry. All that was learned until then counts as revoked at this moment.
    pub(super) fn begin(&mut self, history: Arc<str>, entry: EntryId, moment: Epoch) {
        self.history = Some(history);
        self.applied.clear();
        self.applied.push_back((entry, moment));
        self.told = EntryId::default();
    }

    pub(super) fn applied(&mut self, entry: EntryId, moment: Epoch) {
        self.applied.push_back((entry, moment));
        if self.applied.len() > KEEP {
            self.applied.pop_front();
        }
    }

    /// Which Redis, and the last entry that was read from it.
    pub(super) fn position(&self) -> Option<(Arc<str>, EntryId)> {
        let (entry, _) = self.applied.back()?;
        Some((Arc::clone(self.history.as_ref()?), *entry))
    }

    pub(super) fn place(&self) -> Option<StreamPosition> {
        let (history, entry) = self.position()?;
        Some(StreamPosition { history, entry: (entry.0, entry.1) })
    }

    /// A moment before which everything is known to somebody at this place, and nothing after it.
    ///
    /// None while a revocation of our own is not in the stream, or has not come back from it: it has a moment already,
    /// and no place yet.
    pub(super) fn moment_of(&self, place: &StreamPosition) -> Option<Epoch> {
        let (history, position) = self.position()?;
        if self.telling > 0 || !self.untold.is_empty() || self.told > position || history != place.history {
            return None;
        }
        let entry = EntryId(place.entry.0, place.entry.1);
        let after = self.applied.partition_point(|(applied, _)| *applied <= entry);
        self.applied.get(after.checked_sub(1)?).map(|(_, moment)| *moment)
    }

    /// A revocation is about to be applied here and told to the others.
    pub(super) fn telling(&mut self) {
        self.telling += 1;
    }

    /// It stands in the stream.
    pub(super) fn told(&mut self, entry: EntryId) {
        self.telling = self.telling.saturating_sub(1);
        self.told = self.told.max(entry);
    }

    /// It may or may not stand in the stream, and has to be told again.
    pub(super) fn not_told(&mut self, revocations: &[Revocation]) {
        self.telling = self.telling.saturating_sub(1);
        self.untold.extend_from_slice(revocations);
        if self.untold.len() > MAX_UNTOLD {
            self.untold = vec![Revocation::All];
        }
    }

    /// What has to be told again; with it goes the duty to say whether it was.
    pub(super) fn take_untold(&mut self) -> Vec<Revocation> {
        if !self.untold.is_empty() {
            self.telling += 1;
        }
        std::mem::take(&mut self.untold)
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
        let (mut journal, clock) = (Journal::default(), Clock(RevocationClock::new(Duration::from_secs(60))));
        let start = clock.tick();
        journal.begin("one".into(), EntryId(5, 0), start);
        (journal, clock, start)
    }

    fn place(history: &str, time: u64) -> StreamPosition {
        StreamPosition { history: history.into(), entry: (time, 0) }
    }

    #[tokio::test]
    async fn a_place_is_at_the_moment_of_its_last_entry() {
        let (mut journal, clock, start) = journal();
        let six = clock.tick();
        journal.applied(EntryId(6, 0), six);
        let eight = clock.tick();
        journal.applied(EntryId(8, 0), eight);
        // Not of the stream: it is newer than all entries, whatever is read next.
        clock.tick();
        let moment = |time| journal.moment_of(&place("one", time));
        assert_eq!(
            [4, 5, 6, 7, 8, 9].map(moment),
            [None, Some(start), Some(six), Some(six), Some(eight), Some(eight)]
        );
        assert_eq!(journal.moment_of(&place("another", 6)), None);
        assert_eq!(journal.place(), Some(place("one", 8)));
    }

    #[tokio::test]
    async fn nothing_is_placed_while_a_revocation_of_our_own_has_no_place() {
        let (mut journal, clock, start) = journal();
        let here = place("one", 5);
        journal.telling();
        assert_eq!(journal.moment_of(&here), None);
        journal.told(EntryId(6, 0));
        assert_eq!(journal.moment_of(&here), None, "it has not come back yet");
        journal.applied(EntryId(6, 0), clock.tick());
        assert_eq!(journal.moment_of(&here), Some(start));

        journal.telling();
        journal.not_told(&[Revocation::All]);
        assert_eq!(journal.moment_of(&here), None, "it has to be told again");
        assert_eq!(journal.take_untold(), [Revocation::All]);
        assert_eq!(journal.moment_of(&here), None);
        journal.told(EntryId(6, 0));
        assert_eq!(journal.moment_of(&here), Some(start));
        assert!(journal.take_untold().is_empty());
        assert_eq!(journal.moment_of(&here), Some(start));
    }

    #[tokio::test]
    async fn what_is_forgotten_has_no_place_and_what_cannot_be_told_is_everybody() {
        let (mut journal, clock, _) = journal();
        for time in 0..KEEP as u64 {
            journal.applied(EntryId(6 + time, 0), clock.tick());
        }
        assert_eq!(journal.moment_of(&place("one", 5)), None);
        assert!(journal.moment_of(&place("one", 6)).is_some());
        for _ in 0..=MAX_UNTOLD {
            journal.telling();
            journal.not_told(&[Revocation::User("u".into())]);
        }
        assert_eq!(journal.take_untold(), [Revocation::All]);
    }
}
