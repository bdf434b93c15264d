//! State of the test tools, through which a test observes and holds their bodies.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::Semaphore;

use crate::within_deadline;

/// Counts the tool bodies that ran, and holds those that wait until the test releases them.
#[derive(Clone, Debug)]
pub struct ToolBodies(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    runs: AtomicUsize,
    /// One permit for each waiting body that has started, ended or been released.
    started: Semaphore,
    ended: Semaphore,
    released: Semaphore,
}

impl Default for ToolBodies {
    fn default() -> Self {
        let none = || Semaphore::new(0);
        Self(Arc::new(Inner { runs: AtomicUsize::new(0), started: none(), ended: none(), released: none() }))
    }
}

impl ToolBodies {
    /// Returns how many bodies have run.
    pub fn runs(&self) -> usize {
        self.0.runs.load(Ordering::SeqCst)
    }

    /// Waits until `count` more waiting bodies have started.
    pub async fn wait_for_start(&self, count: u32) {
        within_deadline("the bodies start", take(&self.0.started, count)).await;
    }

    /// Lets `count` waiting bodies continue.
    pub fn release(&self, count: usize) {
        self.0.released.add_permits(count);
    }

    /// Waits until `count` more waiting bodies have finished or been dropped.
    pub async fn wait_for_end(&self, count: u32) {
        within_deadline("the bodies end", take(&self.0.ended, count)).await;
    }

    /// Records that a body runs.
    pub fn record_run(&self) {
        self.0.runs.fetch_add(1, Ordering::SeqCst);
    }

    /// Waits until the test releases this body.
    pub async fn wait_for_release(&self) {
        let _ended = AddPermitOnDrop(&self.0.ended);
        self.0.started.add_permits(1);
        take(&self.0.released, 1).await;
    }
}

async fn take(permits: &Semaphore, count: u32) {
    if let Ok(taken) = permits.acquire_many(count).await {
        taken.forget();
    }
}

struct AddPermitOnDrop<'a>(&'a Semaphore);

impl Drop for AddPermitOnDrop<'_> {
    fn drop(&mut self) {
        self.0.add_permits(1);
    }
}
