//! Durations as whole milliseconds.

use std::time::Duration;

/// Returns a duration in milliseconds, and [`u64::MAX`] for a longer one.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
