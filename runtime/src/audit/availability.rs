//! Whether audit records can be written: the state of every audit file of this process.
//!
//! The program creates its subscriber before its servers, so a server does not know which file its records go to. A
//! server therefore rejects calls if any audit file of the process cannot be written.

use std::sync::atomic::{AtomicUsize, Ordering};

#[cfg(feature = "audit-file")]
use crate::metrics;

/// Number of audit files that are at least [`Level::Behind`].
static BEHIND: AtomicUsize = AtomicUsize::new(0);
/// Number of audit files that are [`Level::Unavailable`].
static UNAVAILABLE: AtomicUsize = AtomicUsize::new(0);

/// Returns whether the record of another call can be written. If not, no body may run.
pub(crate) fn is_available() -> bool {
    UNAVAILABLE.load(Ordering::Relaxed) == 0
}

/// Returns whether the disk keeps up with the records. If not, rejections that anybody can cause are only counted.
pub(super) fn keeps_up() -> bool {
    BEHIND.load(Ordering::Relaxed) == 0
}

/// How far an audit file is behind its records.
#[cfg(feature = "audit-file")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// The records are written as they arrive.
    KeepsUp,
    /// Records wait in memory. There is room for the records of more calls.
    Behind,
    /// The room that is left is for the records of calls in flight.
    Unavailable,
}

/// Level of one file, which [`is_available`] and [`keeps_up`] take into account until it is dropped.
#[cfg(feature = "audit-file")]
#[derive(Debug)]
pub(super) struct FileLevel(Level);

#[cfg(feature = "audit-file")]
impl FileLevel {
    pub(super) fn new() -> Self {
        Self(Level::KeepsUp)
    }

    #[cfg(test)]
    pub(super) fn get(&self) -> Level {
        self.0
    }

    pub(super) fn set(&mut self, level: Level) {
        for (counter, counted) in [(&BEHIND, Level::Behind), (&UNAVAILABLE, Level::Unavailable)] {
            match (self.0 >= counted, level >= counted) {
                (false, true) => _ = counter.fetch_add(1, Ordering::Relaxed),
                (true, false) => _ = counter.fetch_sub(1, Ordering::Relaxed),
                _ => {}
            }
        }
        if (self.0 == Level::Unavailable) != (level == Level::Unavailable) {
            metrics::audit_log_available(is_available());
        }
        self.0 = level;
    }
}

#[cfg(feature = "audit-file")]
impl Drop for FileLevel {
    fn drop(&mut self) {
        self.set(Level::KeepsUp);
    }
}
