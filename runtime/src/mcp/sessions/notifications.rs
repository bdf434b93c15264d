//! Notifications of a session that belong to no request: about lists, and about the resources it is subscribed to.
#![allow(dead_code, reason = "for notifications about lists and resources")]

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use rmcp::model::{ServerJsonRpcMessage, ServerNotification};
use thiserror::Error;

use super::Session;

/// Maximum number of resources that a session is subscribed to.
const MAX_SUBSCRIPTIONS: usize = 256;

/// The resources that a session is subscribed to.
#[derive(Debug, Default)]
pub(super) struct Subscriptions(Mutex<BTreeSet<String>>);

/// A session has as many subscriptions as it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a session can subscribe to {MAX_SUBSCRIPTIONS} resources: unsubscribe from another one first")]
pub(crate) struct TooManySubscriptions;

impl Session {
    /// Sends a notification on the standalone stream. It is stored until the client reads that stream, within the limits
    /// of the session.
    pub(crate) fn notify(&self, notification: ServerNotification) {
        self.outbox.push(ServerJsonRpcMessage::notification(notification));
    }

    /// Subscribes the session to a resource.
    ///
    /// # Errors
    ///
    /// The session has too many subscriptions.
    pub(crate) fn subscribe(&self, uri: &str) -> Result<(), TooManySubscriptions> {
        let mut subscriptions = self.subscriptions.lock();
        if subscriptions.len() >= MAX_SUBSCRIPTIONS && !subscriptions.contains(uri) {
            return Err(TooManySubscriptions);
        }
        subscriptions.insert(uri.to_owned());
        Ok(())
    }

    pub(crate) fn unsubscribe(&self, uri: &str) {
        self.subscriptions.lock().remove(uri);
    }

    pub(crate) fn is_subscribed(&self, uri: &str) -> bool {
        self.subscriptions.lock().contains(uri)
    }
}

impl Subscriptions {
    fn lock(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
