//! Notifications of open subscriptions: which lists and resources have changed for which caller.
//!
//! ```text
//! gate      subscribes a caller, renews its access, and holds the response stream
//! mcp       sends what `Subscription::next` returns
//! hub       the open subscriptions; evaluates their lists again when access changes
//! ```
//!
//! A subscription stores a key of each list that its client asked for. Whenever the access of its caller or a rule
//! changes, the key is computed again, and the client is notified only if the keys are those of different lists. A
//! notification has no content beyond the kind of the list or the URI, and it is decided for each caller alone, so it
//! does not reveal changes that concern other callers.

mod filter;
mod hub;
mod subscription;

use std::{fmt, sync::Arc, time::Duration};

use self::hub::Hub;
pub(crate) use self::{
    filter::Filter,
    subscription::{Change, SubscribeError, Subscriber, Subscription},
};
use crate::{auth::Access, registry::Registry};

/// Handle that notifies the clients which listen to changes (`subscriptions/listen`, `resources/subscribe`).
///
/// Clients learn about a change of access without the program: when a caller's role changes or its access is revoked, the
/// server sends `list_changed` to exactly the callers whose lists are different afterwards. The program reports what only
/// it can know: that the content of a resource has changed, or that what a [`visible_to`](crate::tool) function or a
/// [deny rule](crate::Server::deny) reads has changed.
///
/// A tool takes the handle as `&Notifications`, as if it were a [state](crate::Server::state) of the server. A program
/// gets it from [`Server::notifications`](crate::Server::notifications) or
/// [`BuiltServer::notifications`](crate::BuiltServer::notifications). All clones act on the same server.
///
/// ```
/// # use toolgate::prelude::*;
/// # pub static SCOPES: Scopes = Scopes::new(&["policies:write"]);
/// use toolgate::Notifications;
///
/// /// Replace the text of a policy.
/// #[tool(scopes = "policies:write")]
/// async fn policy_update(name: String, text: String, notifications: &Notifications) -> String {
///     // Store the text, then:
///     notifications.resource_updated(format!("company://policies/{name}"));
///     format!("{name} has {} characters", text.len())
/// }
/// # fn main() {}
/// ```
///
/// The handle acts on this process. If a server has several replicas, call it on each of them.
#[derive(Clone)]
pub struct Notifications(Arc<Hub>);

impl Notifications {
    pub(crate) fn new() -> Self {
        Self(Arc::default())
    }

    /// Reports that the content of a resource has changed. Every client that subscribed to exactly this URI, and whose
    /// caller may read the resource now, receives `notifications/resources/updated`.
    ///
    /// Returns immediately. Several reports of one URI that a client has not received yet become one notification.
    pub fn resource_updated(&self, uri: impl AsRef<str>) {
        self.0.resource_updated(uri.as_ref());
    }

    /// Reports that a rule which decides access may have a different outcome from now on: something that a `visible_to`
    /// function or a [deny rule](crate::Server::deny) reads has changed, such as a feature flag. Clients whose lists are
    /// different receive `list_changed`; other clients receive nothing.
    ///
    /// Returns immediately. Without this call, the server notices the change at the next
    /// [check](crate::config::SubscriptionsConfig::check_interval), by default within 5 seconds.
    ///
    /// ```
    /// # use std::sync::{Arc, atomic::{AtomicBool, Ordering}};
    /// # use toolgate::{auth::StaticTokens, prelude::*};
    /// # pub static SCOPES: Scopes = Scopes::new(&["a:read"]);
    /// # fn main() {
    /// let is_stopped = Arc::new(AtomicBool::new(false));
    /// let server = Server::new("company", &SCOPES).auth(StaticTokens::new()).deny({
    ///     let is_stopped = Arc::clone(&is_stopped);
    ///     move |operation| operation.name.ends_with("_delete") && is_stopped.load(Ordering::Relaxed)
    /// });
    /// let notifications = server.notifications();
    /// // Later, when an operator stops all deletions:
    /// is_stopped.store(true, Ordering::Relaxed);
    /// notifications.access_changed();
    /// # let _ = server;
    /// # }
    /// ```
    pub fn access_changed(&self) {
        self.0.access_changed();
    }

    /// Ends all subscriptions, also future ones: each request is answered with its result, and its stream closes.
    /// [`BuiltServer::serve`](crate::BuiltServer::serve) and
    /// [`RunningServer::begin_shutdown`](crate::RunningServer::begin_shutdown) do this, because a graceful shutdown would
    /// otherwise wait for open streams.
    pub fn end_subscriptions(&self) {
        self.0.close();
    }

    /// Sets the time between two checks of the rules that functions decide, and the maximum number of resources of one
    /// subscription.
    pub(crate) fn configure(&self, check_interval: Duration, max_resources: usize) {
        self.0.configure(check_interval, max_resources);
    }

    /// Maximum number of resources of one subscription.
    pub(crate) fn max_resources(&self) -> usize {
        self.0.max_resources()
    }

    /// Subscribes a caller to lists, and to resources to which it
    /// [may subscribe](crate::registry::Dispatcher::subscribe).
    pub(crate) fn subscribe(&self, registry: &Arc<Registry>, access: Access, filter: Filter) -> Subscription {
        Subscription::open(&self.0, registry, access, filter)
    }
}

impl fmt::Debug for Notifications {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notifications").field("subscriptions", &self.0.len()).finish_non_exhaustive()
    }
}
