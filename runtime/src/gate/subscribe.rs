//! Subscriptions at the gate: what a client may listen to, and how its access continues while it listens.
//!
//! Every other response stream ends when the access of its caller changes. A subscription exists to tell a client about
//! such changes, so the gate authenticates its token again instead: after a revocation that concerns the caller, and every
//! few seconds, as if the client had sent a request. The stream continues with the new claims, or ends if the token is no
//! longer active or cannot be validated. The token stays in the gate.

use std::{
    ops::RangeInclusive,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::body::Body;
use futures_util::{FutureExt as _, StreamExt as _, future::BoxFuture, stream};
use http::Response;
use tokio::{sync::Semaphore, time::timeout};

use super::{
    Gate,
    jsonrpc::{InvalidParams, Message},
    pipeline::check_audit_log,
    rejection::Rejection,
    revocable_stream::{self, StreamAccess},
    stream_limit::StreamGuard,
};
use crate::{
    audit::RequestInfo,
    auth::{Access, Authenticator, BearerToken, RevocationClock, TokenClass},
    notifications::{Notifications, Subscriber, Subscription},
    registry::Dispatcher,
};

/// Maximum number of tokens of subscriptions that are validated at the same time: a quarter of the validations of known
/// tokens, so that requests do not wait for subscriptions after a revocation of all tokens.
const MAX_CONCURRENT_RENEWALS: usize = 16;

/// Maximum number of resources of one subscription that are decided at the same time.
const MAX_CONCURRENT_DECISIONS: usize = 16;

/// Bounds of the time after which the token of a subscription is authenticated again. It is validated only if the cache
/// would validate it for a request.
const RENEWAL_INTERVAL: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(5);

/// Opens subscriptions and renews their access.
pub(crate) struct SubscriptionGate {
    notifications: Notifications,
    renewals: Arc<Renewals>,
}

/// What all renewals of a server share.
struct Renewals {
    authenticator: Arc<Authenticator>,
    clock: Arc<RevocationClock>,
    /// Time after which a token is authenticated again.
    interval: Duration,
    slots: Semaphore,
}

/// Access of a subscription, which is renewed while its stream is open.
pub(super) struct RenewableAccess {
    token: BearerToken,
    subscriber: Arc<Subscriber>,
    renewals: Arc<Renewals>,
    has_ended: AtomicBool,
}

/// The stream of a subscription, before it begins.
pub(super) struct SubscriptionStream {
    place: StreamGuard,
    access: RenewableAccess,
}

impl SubscriptionGate {
    /// `ttl` is the time for which an introspection response is used.
    pub(crate) fn new(
        notifications: Notifications,
        authenticator: Arc<Authenticator>,
        clock: Arc<RevocationClock>,
        ttl: Duration,
    ) -> Self {
        let interval = ttl.clamp(*RENEWAL_INTERVAL.start(), *RENEWAL_INTERVAL.end());
        let slots = Semaphore::new(MAX_CONCURRENT_RENEWALS);
        let renewals = Arc::new(Renewals { authenticator, clock, interval, slots });
        Self { notifications, renewals }
    }

    /// Opens the subscription that a `subscriptions/listen` asks for. Resources to which the caller may not subscribe are
    /// left out.
    ///
    /// # Errors
    ///
    /// Its parameters have other types, or name too many resources, or the audit log cannot be written.
    async fn open(
        &self,
        message: &Message<'_>,
        info: RequestInfo<'_>,
        dispatcher: &Dispatcher,
        access: &Access,
        token: BearerToken,
    ) -> Result<(Subscription, RenewableAccess), Rejection> {
        let mut filter = message.subscription_filter()?;
        let maximum = self.notifications.max_resources();
        if filter.uris().len() > maximum {
            return Err(InvalidParams::TooManyResources { maximum }.into());
        }
        let (registry, caller) = (dispatcher.registry(), &access.caller);
        let decisions: Vec<_> = stream::iter(std::mem::take(filter.uris_mut()))
            .map(async |uri| (registry.decide_read(&uri, caller).await, uri))
            .buffered(MAX_CONCURRENT_DECISIONS)
            .collect()
            .await;
        for (decision, uri) in decisions {
            // The room in the audit log is for one more record of each request.
            check_audit_log()?;
            if dispatcher.subscribe(info, caller, &uri, decision) {
                filter.uris_mut().insert(uri);
            }
        }
        let subscription = self.notifications.subscribe(registry, access.clone(), filter);
        let subscriber = Arc::clone(subscription.subscriber());
        let renewals = Arc::clone(&self.renewals);
        Ok((subscription, RenewableAccess { token, subscriber, renewals, has_ended: AtomicBool::new(false) }))
    }
}

impl Gate {
    /// Opens the subscription of a message. `None` if it is no `subscriptions/listen`; the token is then dropped.
    ///
    /// The future is boxed, because few messages subscribe and the future of every request would have room for it.
    pub(super) fn subscribe<'a>(
        &'a self,
        message: &'a Message<'_>,
        info: RequestInfo<'a>,
        access: &'a Access,
        token: BearerToken,
    ) -> Option<BoxFuture<'a, Result<(Subscription, SubscriptionStream), Rejection>>> {
        let open = async move {
            let place = self.streams.acquire(&access.caller)?;
            let (subscription, access) =
                self.subscriptions.open(message, info, &self.dispatcher, access, token).await?;
            Ok((subscription, SubscriptionStream { place, access }))
        };
        message.is_subscription().then(|| open.boxed())
    }
}

impl SubscriptionStream {
    /// Makes a response end with the access if it is a stream, and count as a stream until then.
    pub(super) fn hold(self, response: Response<Body>) -> Response<Body> {
        self.place.hold(self.access.hold(response))
    }
}

impl RenewableAccess {
    /// Renews the access as long as it can be renewed. `renewed` is called after each renewal.
    pub(super) async fn ended(&self, renewed: impl Fn()) {
        loop {
            let access = self.subscriber.access();
            let _ = timeout(self.renewals.interval, access.ended()).await;
            let Some(access) = self.renew(&access).await else { break };
            self.subscriber.renew(&access);
            renewed();
        }
        self.has_ended.store(true, Ordering::Release);
    }

    /// Authenticates the token again. `None` if the access has ended or this cannot be determined.
    async fn renew(&self, previous: &Access) -> Option<Access> {
        let Renewals { authenticator, clock, slots, .. } = &*self.renewals;
        let _slot = slots.acquire().await.ok()?;
        // Read before the token is validated: a later revocation ends the renewed access.
        let since = clock.epoch();
        let caller = authenticator.authenticate(&self.token, TokenClass::Known).await;
        let caller = caller.inspect_err(|error| tracing::debug!(%error, "a subscription ends")).ok()?;
        // The limits of the stream were counted for this principal.
        let is_same = caller.principal() == previous.caller.principal();
        is_same.then(|| Access { caller, since, clock: Arc::clone(clock) })
    }

    pub(super) fn subscriber(&self) -> &Subscriber {
        &self.subscriber
    }

    pub(super) fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Acquire)
    }

    /// Makes a response end with the access if it is a stream.
    fn hold(self, response: Response<Body>) -> Response<Body> {
        revocable_stream::end_with(response, StreamAccess::Renewable(Arc::new(self)))
    }
}

#[cfg(test)]
mod tests;
