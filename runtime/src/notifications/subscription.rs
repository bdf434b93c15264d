//! One subscription: what its caller saw when it was last notified, and what it has to be notified of.

use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use thiserror::Error;
use tokio::sync::Notify;

use super::{Filter, hub::Hub};
use crate::{
    auth::{Access, Caller},
    operation::OperationKind,
    registry::{ListKind, Registry},
    scope::ScopeSet,
};

/// Change that a client is notified of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// The lists of a kind of operations.
    Lists(OperationKind),
    Resource(Arc<str>),
}

/// Why a resource cannot be added to a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum SubscribeError {
    #[error("a client can subscribe to {maximum} resources: unsubscribe from another one first")]
    TooMany { maximum: usize },
    #[error("the session has ended")]
    Ended,
}

/// A subscription as the gate and the hub see it.
pub(crate) struct Subscriber {
    registry: Arc<Registry>,
    state: Mutex<State>,
    /// Held while a list is evaluated, so that the result of a later evaluation is stored later. The rules of the author
    /// run during this time, so `state` is not locked.
    evaluation: Mutex<()>,
    /// Wakes [`Subscription::next`].
    changed: Notify,
}

struct State {
    access: Access,
    /// Changes that the client is notified of.
    filter: Filter,
    /// Key of each list in the filter, after the first evaluation.
    lists: [Option<ScopeSet>; ListKind::ALL.len()],
    /// By kind of operations.
    changed_lists: [bool; OperationKind::ALL.len()],
    /// Some of the resources in the filter.
    changed_uris: BTreeSet<Arc<str>>,
}

/// Receiver of the changes of a [`Subscriber`]. The subscription ends when this value is dropped.
pub(crate) struct Subscription {
    hub: Arc<Hub>,
    id: u64,
    subscriber: Arc<Subscriber>,
}

impl Subscription {
    pub(super) fn open(hub: &Arc<Hub>, registry: &Arc<Registry>, access: Access, filter: Filter) -> Self {
        let subscriber = Arc::new(Subscriber {
            registry: Arc::clone(registry),
            state: Mutex::new(State {
                access,
                filter,
                lists: Default::default(),
                changed_lists: Default::default(),
                changed_uris: BTreeSet::new(),
            }),
            evaluation: Mutex::new(()),
            changed: Notify::new(),
        });
        // In the hub before the first evaluation, so that no change after it is missed.
        let id = hub.add(&subscriber);
        let subscription = Self { hub: Arc::clone(hub), id, subscriber };
        subscription.subscriber.evaluate();
        subscription
    }

    /// Adds a resource to which the caller [may subscribe](crate::registry::Dispatcher::subscribe).
    ///
    /// # Errors
    ///
    /// There are too many.
    pub(crate) fn add_resource(&self, uri: &str) -> Result<(), SubscribeError> {
        let maximum = self.hub.max_resources();
        let mut state = self.subscriber.state();
        let uris = state.filter.uris_mut();
        if uris.contains(uri) {
            return Ok(());
        }
        if uris.len() >= maximum {
            return Err(SubscribeError::TooMany { maximum });
        }
        let uri: Arc<str> = uri.into();
        uris.insert(Arc::clone(&uri));
        // Locked together, so that the hub and the filter agree after concurrent requests.
        self.hub.add_uri(self.id, &uri);
        Ok(())
    }

    /// Removes a resource.
    pub(crate) fn remove_resource(&self, uri: &str) {
        let mut state = self.subscriber.state();
        state.changed_uris.remove(uri);
        state.filter.uris_mut().remove(uri);
        self.hub.remove_uri(self.id, uri);
    }

    pub(crate) fn subscriber(&self) -> &Arc<Subscriber> {
        &self.subscriber
    }

    /// Waits for the next change that the caller may know of. `None` if all subscriptions end, because the server shuts
    /// down.
    pub(crate) async fn next(&self) -> Option<Change> {
        let next = self.subscriber.next();
        self.hub.closed().run_until_cancelled(next).await
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.hub.remove(self.id);
    }
}

impl Subscriber {
    /// Returns the changes that the client is notified of.
    pub(crate) fn filter(&self) -> Filter {
        self.state().filter.clone()
    }

    /// The access of the caller at the moment.
    pub(crate) fn access(&self) -> Access {
        self.state().access.clone()
    }

    /// Returns whether the access of the caller has neither expired nor been revoked.
    pub(crate) fn is_current(&self) -> bool {
        self.state().access.is_current()
    }

    /// Replaces the access by a newer one, if its claims differ or the access has ended.
    pub(crate) fn renew(&self, access: &Access) {
        let current = self.access();
        if !Arc::ptr_eq(current.caller.identity(), access.caller.identity()) || !current.is_current() {
            self.set_access(access.clone());
        }
    }

    /// Replaces the access of the caller, whose token was validated again.
    pub(crate) fn set_access(&self, access: Access) {
        self.state().access = access;
        self.evaluate();
        // Changes wait for access that is current.
        self.changed.notify_one();
    }

    /// Marks the lists that have changed since the last evaluation. The lists of a caller whose access has ended are
    /// evaluated when it is renewed.
    pub(super) fn evaluate(&self) {
        if catch_unwind(AssertUnwindSafe(|| self.evaluate_lists())).is_err() {
            tracing::error!("a deny rule panicked; a subscription was not notified of changed lists");
        }
    }

    fn evaluate_lists(&self) {
        let _evaluation = self.evaluation.lock().unwrap_or_else(PoisonError::into_inner);
        let access = self.access();
        if !access.is_current() {
            return;
        }
        for list in ListKind::ALL {
            if !self.state().filter.has_lists_of(list.operations()) {
                continue;
            }
            let key = self.registry.visibility_key(list, &access.caller);
            let previous = self.state().lists[list as usize].clone();
            if previous.as_ref() == Some(&key) {
                continue;
            }
            let has_changed = previous.is_some_and(|previous| !self.registry.is_same_list(list, &previous, &key));
            let mut state = self.state();
            state.lists[list as usize] = Some(key);
            if has_changed {
                state.changed_lists[list.operations() as usize] = true;
                drop(state);
                self.changed.notify_one();
            }
        }
    }

    pub(super) fn resource_updated(&self, uri: &str) {
        let mut state = self.state();
        let Some(uri) = state.filter.uris().get(uri).cloned() else { return };
        state.changed_uris.insert(uri);
        drop(state);
        self.changed.notify_one();
    }

    async fn next(&self) -> Change {
        loop {
            match self.take() {
                Some((Change::Resource(uri), caller)) => {
                    if !self.registry.may_read(&uri, &caller).await {
                        continue;
                    }
                    // Guards take time, in which the access may have ended. It is then decided again.
                    let access = self.access();
                    if Arc::ptr_eq(&access.caller, &caller) && access.is_current() {
                        return Change::Resource(uri);
                    }
                    self.resource_updated(&uri);
                }
                Some((change, _)) => return change,
                None => self.changed.notified().await,
            }
        }
    }

    /// Takes a change, with the caller that it concerns. `None` while the access of the caller is not current.
    fn take(&self) -> Option<(Change, Arc<Caller>)> {
        let mut state = self.state();
        if !state.access.is_current() {
            return None;
        }
        let caller = Arc::clone(&state.access.caller);
        if let Some(kind) = OperationKind::ALL.into_iter().find(|&kind| state.changed_lists[kind as usize]) {
            state.changed_lists[kind as usize] = false;
            return Some((Change::Lists(kind), caller));
        }
        Some((Change::Resource(state.changed_uris.pop_first()?), caller))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
