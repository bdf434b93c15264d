//! For how long it counts that the others were heard.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::time::Instant;

/// Ends by itself unless it is renewed: a reader that does not get to run ends it too.
#[derive(Debug)]
pub(super) struct Lease {
    epoch: Instant,
    /// In milliseconds after the epoch.
    until: AtomicU64,
}

impl Lease {
    /// One that has ended.
    pub(super) fn new() -> Self {
        Self { epoch: Instant::now(), until: AtomicU64::new(0) }
    }

    pub(super) fn holds(&self) -> bool {
        let until = self.until.load(Ordering::Acquire);
        until > 0 && self.epoch.elapsed() < Duration::from_millis(until)
    }

    pub(super) fn renew(&self, until: Instant) {
        let until = until.saturating_duration_since(self.epoch).as_millis();
        self.until.store(u64::try_from(until).unwrap_or(u64::MAX), Ordering::Release);
    }

    pub(super) fn end(&self) {
        self.until.store(0, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_holds_for_its_time_and_no_longer() {
        let lease = Lease::new();
        assert!(!lease.holds());
        let time = Duration::from_secs(3);
        lease.renew(Instant::now() + time);
        assert!(lease.holds());
        tokio::time::advance(time).await;
        assert!(!lease.holds());
        lease.renew(Instant::now() + time);
        lease.end();
        assert!(!lease.holds());
    }
}
