//! Deadline that threads share without a lock. The replica uses it for its lease, the shared cache for its pause
//! after a failure.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::time::Instant;

use crate::duration::millis;

/// Deadline that threads set without a lock. It passes even if no thread ever sets it again.
#[derive(Debug)]
pub(super) struct Deadline {
    created_at: Instant,
    /// Milliseconds after `created_at`.
    at: AtomicU64,
}

impl Deadline {
    /// Creates a deadline that has passed.
    pub(super) fn passed() -> Self {
        Self { created_at: Instant::now(), at: AtomicU64::new(0) }
    }

    pub(super) fn has_passed(&self) -> bool {
        self.created_at.elapsed() >= Duration::from_millis(self.at.load(Ordering::Acquire))
    }

    pub(super) fn set(&self, at: Instant) {
        self.at.store(millis(at.saturating_duration_since(self.created_at)), Ordering::Release);
    }

    /// Lets the deadline pass immediately.
    pub(super) fn clear(&self) {
        self.at.store(0, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_deadline_passes_at_its_time_or_when_it_is_cleared() {
        let deadline = Deadline::passed();
        assert!(deadline.has_passed());
        let time = Duration::from_secs(3);
        deadline.set(Instant::now() + time);
        assert!(!deadline.has_passed());
        tokio::time::advance(time).await;
        assert!(deadline.has_passed());
        deadline.set(Instant::now() + time);
        deadline.clear();
        assert!(deadline.has_passed());
    }
}
