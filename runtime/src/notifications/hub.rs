//! The open subscriptions of a server.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::Duration,
};

use tokio::{sync::Notify, time::timeout};
use tokio_util::sync::CancellationToken;

use super::subscription::Subscriber;
use crate::spawn::spawn;

/// Number of subscriptions that are evaluated before other tasks run.
const BATCH: usize = 64;

/// The open subscriptions. A subscriber may lock the hub, but the hub locks no subscriber while it is locked. A task
/// evaluates their lists again, as long as there are any.
pub(super) struct Hub {
    open: Mutex<Open>,
    /// Wakes the task.
    access_changed: Notify,
    closed: CancellationToken,
    settings: RwLock<Settings>,
}

/// Settings of subscriptions, from when the server is built.
#[derive(Clone, Copy)]
struct Settings {
    /// Time between two evaluations.
    check_interval: Duration,
    /// Maximum number of resources of one subscription.
    max_resources: usize,
}

#[derive(Default)]
struct Open {
    next_id: u64,
    subscribers: HashMap<u64, Arc<Subscriber>>,
    /// Subscribers of each resource.
    by_uri: HashMap<Arc<str>, HashSet<u64>>,
    /// Whether the task runs.
    is_evaluated: bool,
}

impl Open {
    fn add_uri(&mut self, id: u64, uri: &Arc<str>) {
        self.by_uri.entry(Arc::clone(uri)).or_default().insert(id);
    }

    fn remove_uri(&mut self, id: u64, uri: &str) {
        if let Some(ids) = self.by_uri.get_mut(uri) {
            ids.remove(&id);
            if ids.is_empty() {
                self.by_uri.remove(uri);
            }
        }
    }
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            open: Mutex::default(),
            access_changed: Notify::new(),
            closed: CancellationToken::new(),
            settings: RwLock::new(Settings { check_interval: Duration::from_secs(5), max_resources: 100 }),
        }
    }
}

impl Hub {
    /// Adds a subscriber, whose key in the hub is returned, and starts the task that evaluates subscribers.
    pub(super) fn add(self: &Arc<Self>, subscriber: &Arc<Subscriber>) -> u64 {
        let filter = subscriber.filter();
        let mut open = self.open();
        let id = open.next_id;
        open.next_id += 1;
        for uri in filter.uris() {
            open.add_uri(id, uri);
        }
        open.subscribers.insert(id, Arc::clone(subscriber));
        if !open.is_evaluated {
            open.is_evaluated = true;
            spawn(Arc::clone(self).evaluate_until_empty());
        }
        id
    }

    pub(super) fn remove(&self, id: u64) {
        let Some(subscriber) = self.open().subscribers.remove(&id) else { return };
        let filter = subscriber.filter();
        let mut open = self.open();
        for uri in filter.uris() {
            open.remove_uri(id, uri);
        }
        if open.subscribers.is_empty() {
            // The task ends.
            self.access_changed.notify_one();
        }
    }

    /// Adds a resource of a subscriber.
    pub(super) fn add_uri(&self, id: u64, uri: &Arc<str>) {
        self.open().add_uri(id, uri);
    }

    pub(super) fn remove_uri(&self, id: u64, uri: &str) {
        self.open().remove_uri(id, uri);
    }

    /// Number of open subscriptions.
    pub(super) fn len(&self) -> usize {
        self.open().subscribers.len()
    }

    pub(super) fn resource_updated(&self, uri: &str) {
        let subscribers: Vec<_> = {
            let open = self.open();
            let ids = open.by_uri.get(uri).into_iter().flatten();
            ids.filter_map(|id| open.subscribers.get(id).cloned()).collect()
        };
        for subscriber in subscribers {
            subscriber.resource_updated(uri);
        }
    }

    pub(super) fn access_changed(&self) {
        self.access_changed.notify_one();
    }

    pub(super) fn close(&self) {
        self.closed.cancel();
    }

    /// Token that is cancelled when all subscriptions end.
    pub(super) fn closed(&self) -> &CancellationToken {
        &self.closed
    }

    pub(super) fn configure(&self, check_interval: Duration, max_resources: usize) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = Settings { check_interval, max_resources };
    }

    pub(super) fn max_resources(&self) -> usize {
        self.settings().max_resources
    }

    fn settings(&self) -> Settings {
        *self.settings.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Evaluates all subscribers in each interval and after each call of [`access_changed`](Self::access_changed).
    async fn evaluate_until_empty(self: Arc<Self>) {
        loop {
            let _ = timeout(self.settings().check_interval, self.access_changed.notified()).await;
            let subscribers: Vec<_> = {
                let mut open = self.open();
                if open.subscribers.is_empty() {
                    open.is_evaluated = false;
                    return;
                }
                open.subscribers.values().cloned().collect()
            };
            for batch in subscribers.chunks(BATCH) {
                for subscriber in batch {
                    subscriber.evaluate();
                }
                tokio::task::yield_now().await;
            }
        }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
