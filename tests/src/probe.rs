//! What the tools' bodies leave behind for a test to look at.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::Notify;

use crate::PATIENCE;

/// Handed to the server as a state; every body of a test tool says here that it ran.
#[derive(Clone, Debug, Default)]
pub struct Probe(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    runs: AtomicUsize,
    started: Notify,
    released: Notify,
    dropped: Notify,
}

/// Tells the probe when a body goes away, finished or not.
pub(crate) struct Guard(Probe);

impl Probe {
    /// How many bodies have run.
    pub fn runs(&self) -> usize {
        self.0.runs.load(Ordering::SeqCst)
    }

    /// Waits until a waiting body has started.
    ///
    /// # Panics
    ///
    /// When none does.
    pub async fn started(&self) {
        let started = tokio::time::timeout(PATIENCE, self.0.started.notified()).await;
        assert!(started.is_ok(), "no body started");
    }

    /// Lets a waiting body go on.
    pub fn release(&self) {
        self.0.released.notify_one();
    }

    /// Waits until a waiting body has gone away.
    ///
    /// # Panics
    ///
    /// When none does.
    pub async fn gone(&self) {
        let gone = tokio::time::timeout(PATIENCE, self.0.dropped.notified()).await;
        assert!(gone.is_ok(), "the body is still running");
    }

    pub(crate) fn ran(&self) {
        self.0.runs.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) async fn wait_for_release(&self) {
        let _guard = Guard(self.clone());
        self.0.started.notify_one();
        self.0.released.notified().await;
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.0.dropped.notify_one();
    }
}
