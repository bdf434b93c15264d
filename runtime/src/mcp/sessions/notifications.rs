//! Notifications of a session that belong to no request: about lists, and about the resources it is subscribed to.

use std::sync::{Arc, Mutex, PoisonError};

use rmcp::model::{
    PromptListChangedNotification, ResourceListChangedNotification, ResourceUpdatedNotification,
    ResourceUpdatedNotificationParam, ServerJsonRpcMessage, ServerNotification, ToolListChangedNotification,
};

use super::{Session, session::SessionEnded};
use crate::{
    auth::Access,
    notifications::{Change, Filter, Notifications, SubscribeError, Subscription},
    operation::OperationKind,
    registry::Registry,
    spawn::spawn,
};

/// The subscription of a session, from its initialization to its end.
#[derive(Default)]
pub(super) struct SessionSubscription(Mutex<Option<Arc<Subscription>>>);

impl Session {
    /// Sends a notification on the standalone stream. It is stored until the client reads that stream, within the limits
    /// of the session.
    pub(crate) fn notify(&self, notification: ServerNotification) {
        self.outbox.push(ServerJsonRpcMessage::notification(notification));
    }

    /// Notifies the client of changes of its lists from now on, and of changes of the resources that it
    /// [subscribes](Self::subscribe) to.
    pub(crate) fn start_notifications(self: &Arc<Self>, notifications: &Notifications, registry: &Arc<Registry>) {
        if self.subscription.get().is_some() {
            // A second `initialize`.
            return;
        }
        let lists = Filter::new(&OperationKind::ALL, Vec::new());
        let subscription = Arc::new(notifications.subscribe(registry, self.access(), lists));
        self.subscription.set(Some(Arc::clone(&subscription)));
        let session = Arc::clone(self);
        spawn(async move {
            let send_changes = async {
                while let Some(change) = subscription.next().await {
                    session.notify(notification(change));
                }
            };
            session.ended().run_until_cancelled(send_changes).await;
            session.subscription.set(None);
        });
    }

    /// Subscribes the client to a resource to which its caller
    /// [may subscribe](crate::registry::Dispatcher::subscribe).
    ///
    /// # Errors
    ///
    /// The session has too many, or it has ended.
    pub(crate) fn subscribe(&self, uri: &str) -> Result<(), SubscribeError> {
        let subscription = self.subscription.get().ok_or(SubscribeError::Ended)?;
        subscription.add_resource(uri)
    }

    /// Ends the subscription of the client to a resource.
    ///
    /// # Errors
    ///
    /// The session has ended.
    pub(crate) fn unsubscribe(&self, uri: &str) -> Result<(), SessionEnded> {
        self.subscription.get().ok_or(SessionEnded)?.remove_resource(uri);
        Ok(())
    }

    /// Decides notifications by the access of a new request.
    pub(super) fn renew_subscription(&self, access: &Access) {
        if let Some(subscription) = self.subscription.get() {
            subscription.subscriber().renew(access);
        }
    }
}

impl SessionSubscription {
    fn get(&self) -> Option<Arc<Subscription>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, subscription: Option<Arc<Subscription>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = subscription;
    }
}

fn notification(change: Change) -> ServerNotification {
    match change {
        Change::Lists(OperationKind::Tool) => ToolListChangedNotification::default().into(),
        Change::Lists(OperationKind::Prompt) => PromptListChangedNotification::default().into(),
        Change::Lists(OperationKind::Resource) => ResourceListChangedNotification::default().into(),
        Change::Resource(uri) => {
            ResourceUpdatedNotification::new(ResourceUpdatedNotificationParam::new(&*uri)).into()
        }
    }
}
