//! Bound on the records of requests that are rejected before their caller is known.
//!
//! Anybody can cause such a rejection. In each interval, the first ones of a reason have a record of their own. Further
//! ones share one record, which is written at the end of the interval and at shutdown. While the disk does not keep up,
//! none has a record of its own.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{runtime::Handle, time::Instant};

use super::{availability, reason::Reason, record::AuditRecord};
use crate::metrics::Label;

/// Number of rejections for one reason in one interval that have a record of their own.
const MAX_RECORDS: u32 = 100;
/// Interval after which the count of further rejections is recorded.
const INTERVAL: Duration = Duration::from_secs(10);

/// Rejections of the current interval, for each reason.
#[derive(Debug)]
pub(super) struct UnauthenticatedRejections(Box<[Mutex<Window>]>);

/// Rejections for one reason.
#[derive(Debug, Default)]
struct Window {
    /// Beginning of the interval.
    started_at: Option<Instant>,
    /// Rejections of the interval that have a record of their own.
    recorded: u32,
    /// Rejections that no record contains yet, with their reason.
    counted: Option<(Reason, u64)>,
}

/// What happens with a rejection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// It gets a record of its own.
    Recorded,
    /// It is counted, and it is the first one since the last count was recorded.
    FirstCounted,
    /// It is counted.
    Counted,
}

impl Default for UnauthenticatedRejections {
    fn default() -> Self {
        Self(std::iter::repeat_with(Mutex::default).take(Reason::COUNT).collect())
    }
}

impl UnauthenticatedRejections {
    /// Decides whether a rejection gets a record of its own, and counts it.
    pub(super) fn admit(self: &Arc<Self>, reason: Reason) -> Admission {
        let may_record = reason != Reason::AuditUnavailable && availability::keeps_up();
        let admission = self.window(reason).admit(reason, Instant::now(), may_record);
        if admission == Admission::FirstCounted {
            self.record_count_later(reason);
        }
        admission
    }

    /// Records all counts.
    pub(super) fn flush(&self) {
        for window in &self.0 {
            let counted = lock(window).counted.take();
            if let Some((reason, count)) = counted {
                AuditRecord::counted(reason.name(), count).emit();
            }
        }
    }

    /// Records the count of a reason at the end of the interval, or of the first interval in which the disk keeps up.
    fn record_count_later(self: &Arc<Self>, reason: Reason) {
        // Without a runtime, the count is recorded at shutdown.
        let Ok(runtime) = Handle::try_current() else { return };
        let rejections = Arc::downgrade(self);
        runtime.spawn(async move {
            loop {
                tokio::time::sleep(INTERVAL).await;
                let Some(rejections) = rejections.upgrade() else { return };
                if availability::keeps_up() {
                    let counted = rejections.window(reason).counted.take();
                    if let Some((reason, count)) = counted {
                        AuditRecord::counted(reason.name(), count).emit();
                    }
                    return;
                }
            }
        });
    }

    fn window(&self, reason: Reason) -> MutexGuard<'_, Window> {
        lock(&self.0[reason.index()])
    }
}

impl Drop for UnauthenticatedRejections {
    fn drop(&mut self) {
        self.flush();
    }
}

impl Window {
    fn admit(&mut self, reason: Reason, now: Instant, may_record: bool) -> Admission {
        if self.started_at.is_none_or(|started_at| now.duration_since(started_at) >= INTERVAL) {
            self.started_at = Some(now);
            self.recorded = 0;
        }
        if may_record && self.recorded < MAX_RECORDS {
            self.recorded += 1;
            return Admission::Recorded;
        }
        match &mut self.counted {
            Some((_, count)) => {
                *count += 1;
                Admission::Counted
            }
            counted => {
                *counted = Some((reason, 1));
                Admission::FirstCounted
            }
        }
    }
}

fn lock(window: &Mutex<Window>) -> MutexGuard<'_, Window> {
    window.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_interval_has_a_bounded_number_of_records() {
        let now = Instant::now();
        let mut window = Window::default();
        let mut recorded = |now, may_record| {
            let admissions = (0..52_000).map(|_| window.admit(Reason::MissingToken, now, may_record));
            let recorded = admissions.filter(|&admission| admission == Admission::Recorded).count();
            (recorded, window.counted.take().map(|(_, count)| count))
        };
        assert_eq!(recorded(now, true), (100, Some(51_900)));
        assert_eq!(recorded(now + INTERVAL - Duration::from_millis(1), true), (0, Some(52_000)));
        assert_eq!(recorded(now + INTERVAL, true), (100, Some(51_900)));
        assert_eq!(recorded(now + INTERVAL * 2, false), (0, Some(52_000)), "the disk does not keep up");
    }

    #[tokio::test(start_paused = true)]
    async fn the_count_is_recorded_without_another_request() {
        let rejections = Arc::new(UnauthenticatedRejections::default());
        for _ in 0..=MAX_RECORDS {
            rejections.admit(Reason::MissingToken);
        }
        let is_counted = || rejections.window(Reason::MissingToken).counted.is_some();
        tokio::time::sleep(INTERVAL / 2).await;
        assert!(is_counted());
        // More than one interval, if a test in another thread has an audit file that cannot be written.
        while is_counted() {
            tokio::time::sleep(INTERVAL).await;
            std::thread::yield_now();
        }
    }
}
