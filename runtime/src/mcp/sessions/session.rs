//! One session of a client.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rmcp::model::{
    CancelledNotification, CancelledNotificationParam, ClientJsonRpcMessage, ClientNotification, JsonRpcMessage,
    RequestId,
};
use tokio::{
    sync::{Notify, mpsc, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{SessionLimits, Sessions, id::SessionKey, notifications::SessionSubscription, outbox::Outbox};
use crate::{
    auth::{Access, Caller, Epoch},
    operation::LogLevel,
};

/// Messages of a client that rmcp has not received yet.
const INBOX: usize = 32;

/// A session: state that the requests of one client share, until it ends.
pub(crate) struct Session {
    /// Number of the session, for logs and for rmcp: its ID is known to the client only.
    number: u64,
    key: SessionKey,
    pub(super) limits: SessionLimits,
    registry: Weak<Sessions>,
    /// Access of the latest request.
    access: Mutex<Access>,
    /// The messages are boxed, because the channel allocates space for 32 of them.
    inbox: mpsc::Sender<Box<ClientJsonRpcMessage>>,
    pub(super) outbox: Arc<Outbox>,
    ended: CancellationToken,
    /// Number of requests, calls and streams that use the session.
    uses: AtomicUsize,
    last_used: Mutex<Instant>,
    /// Notified when the session is used, and when it is no longer used.
    activity: Notify,
    log_level: Mutex<LogLevel>,
    pub(super) subscription: SessionSubscription,
}

/// Use of a session by a request, a call or a stream. A session in use is not idle.
pub(crate) struct SessionUse(Arc<Session>);

impl Session {
    /// Creates a session, and the receiver of the messages that its client sends.
    pub(super) fn new(
        number: u64,
        key: SessionKey,
        limits: SessionLimits,
        registry: Weak<Sessions>,
        access: &Access,
        ended: CancellationToken,
    ) -> (Arc<Self>, mpsc::Receiver<Box<ClientJsonRpcMessage>>) {
        let (inbox, messages) = mpsc::channel(INBOX);
        let session = Self {
            number,
            key,
            registry,
            access: Mutex::new(without_claims(access)),
            inbox,
            outbox: Arc::new(Outbox::new(limits.outbox)),
            limits,
            ended,
            uses: AtomicUsize::new(0),
            last_used: Mutex::new(Instant::now()),
            activity: Notify::new(),
            log_level: Mutex::new(LogLevel::Info),
            subscription: SessionSubscription::default(),
        };
        (Arc::new(session), messages)
    }

    /// Number of the session in logs.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn key(&self) -> SessionKey {
        self.key
    }

    /// Caller of the latest request. Its scopes can be older than a change of the caller's role; a revocation has ended
    /// the session then.
    pub(crate) fn caller(&self) -> Arc<Caller> {
        Arc::clone(&lock(&self.access).caller)
    }

    /// Access of the latest request.
    pub(super) fn access(&self) -> Access {
        lock(&self.access).clone()
    }

    /// Returns whether a caller is the one that opened the session: the same principal with the same client.
    pub(super) fn belongs_to(&self, caller: &Caller) -> bool {
        let access = lock(&self.access);
        access.caller.principal() == caller.principal() && access.caller.client_id() == caller.client_id()
    }

    /// Returns whether a caller is the principal that opened the session, with any client.
    pub(super) fn is_of_principal(&self, caller: &Caller) -> bool {
        lock(&self.access).caller.principal() == caller.principal()
    }

    /// Returns whether the session has not ended and no revocation concerns it. The expiry of a token does not end a
    /// session: the client continues it with the next token.
    pub(crate) fn is_current(&self) -> bool {
        let access = lock(&self.access);
        !self.ended.is_cancelled() && access.clock.is_current(access.caller.owner(), access.since)
    }

    /// Uses the session for a request of its caller.
    pub(super) fn used_by(self: &Arc<Self>, access: &Access) -> SessionUse {
        *lock(&self.access) = without_claims(access);
        self.renew_subscription(access);
        SessionUse::new(self)
    }

    /// Returns whether a request, a call or a stream uses the session.
    pub(super) fn is_in_use(&self) -> bool {
        self.uses.load(Ordering::Acquire) > 0
    }

    /// Time at which the session was used last, if it is not in use.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        (!self.is_in_use()).then(|| *lock(&self.last_used))
    }

    /// Returns a receiver that is notified of every revocation.
    pub(super) fn revocations(&self) -> watch::Receiver<Epoch> {
        lock(&self.access).clock.subscribe()
    }

    pub(super) async fn activity(&self) {
        self.activity.notified().await;
    }

    /// Passes a message of the client to rmcp.
    ///
    /// # Errors
    ///
    /// The session has ended.
    pub(super) async fn receive(&self, mut message: ClientJsonRpcMessage) -> Result<(), SessionEnded> {
        if let JsonRpcMessage::Notification(notification) = &mut message
            && let ClientNotification::CancelledNotification(cancelled) = &mut notification.notification
        {
            let request = cancelled.params.request_id.take();
            let Some(id) = request.and_then(|request| self.outbox.cancel(&request)) else { return Ok(()) };
            cancelled.params.request_id = Some(id);
        }
        tokio::select! {
            biased;
            () = self.ended.cancelled() => Err(SessionEnded),
            sent = self.inbox.send(Box::new(message)) => sent.map_err(|_| SessionEnded),
        }
    }

    /// Cancels a request whose client cannot receive the response any more.
    pub(super) fn abandon(&self, request: &RequestId) {
        let Some(request) = self.outbox.cancel(request) else { return };
        let params = CancelledNotificationParam::new(Some(request), None);
        let cancelled = CancelledNotification::new(params);
        // If the inbox is full, the call ends with its time limit.
        let _ = self.inbox.try_send(Box::new(ClientJsonRpcMessage::notification(cancelled.into())));
    }

    /// Ends the session: its streams end, its calls are cancelled, and its ID is unknown from now on.
    pub(crate) fn end(&self) {
        if let Some(registry) = self.registry.upgrade() {
            registry.remove(self);
        }
        self.ended.cancel();
        self.outbox.close();
    }

    /// Token that is cancelled when the session ends.
    pub(crate) fn ended(&self) -> &CancellationToken {
        &self.ended
    }

    /// Time that the client has to respond to a request of the server.
    pub(crate) fn input_timeout(&self) -> Duration {
        self.limits.input_timeout
    }

    /// Minimum level of log messages for the client.
    pub(crate) fn log_level(&self) -> LogLevel {
        *lock(&self.log_level)
    }

    pub(crate) fn set_log_level(&self, level: LogLevel) {
        *lock(&self.log_level) = level;
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("number", &self.number).finish_non_exhaustive()
    }
}

/// The session has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the session has ended")]
pub(crate) struct SessionEnded;

impl SessionUse {
    pub(super) fn new(session: &Arc<Session>) -> Self {
        session.uses.fetch_add(1, Ordering::AcqRel);
        session.activity.notify_one();
        Self(Arc::clone(session))
    }

    pub(crate) fn session(&self) -> &Arc<Session> {
        &self.0
    }
}

impl Clone for SessionUse {
    fn clone(&self) -> Self {
        Self::new(&self.0)
    }
}

impl Drop for SessionUse {
    fn drop(&mut self) {
        *lock(&self.0.last_used) = Instant::now();
        if self.0.uses.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.activity.notify_one();
        }
    }
}

/// Returns the access without the map of all claims, which must not outlive its request.
fn without_claims(access: &Access) -> Access {
    let caller = Caller::from(Arc::clone(access.caller.identity()));
    Access { caller: Arc::new(caller), ..access.clone() }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
