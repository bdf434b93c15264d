//! Sessions of clients of the revisions before 2026-07-28: opt-in, bounded, and bound to the caller that opened them.
//!
//! A session gives such a client what the protocol has only there: requests of the server to the client, log messages at
//! a level, a stream of notifications, and streams that can be resumed. It never authenticates a request: the gate
//! authenticates and decides each one, and then compares its caller with that of the session.

mod id;
mod manager;
mod notifications;
mod outbox;
mod session;
mod session_request;
mod supervise;
mod transport;

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use http::{HeaderMap, HeaderName, HeaderValue};
use rmcp::model::ClientJsonRpcMessage;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub(super) use self::manager::{ClientRequestId, Outcome, SessionOfRequest};
use self::{
    id::{SessionId, SessionKey},
    outbox::OutboxMaxima,
};
pub(crate) use self::{
    session::{Session, SessionUse},
    session_request::{SessionCall, SessionRequest},
};
use crate::{
    auth::Access,
    metrics::{self, GaugeHandle},
};

/// Header with the ID of a session.
pub(crate) const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");

/// Limits on the sessions of a server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SessionMaxima {
    pub(crate) sessions: usize,
    pub(crate) sessions_per_caller: usize,
    pub(crate) idle_timeout: Duration,
    pub(crate) max_lifetime: Duration,
    pub(crate) input_timeout: Duration,
    pub(crate) buffered_messages: usize,
    pub(crate) buffered_bytes: usize,
}

/// Limits on one session.
#[derive(Clone, Copy, Debug)]
struct SessionLimits {
    outbox: OutboxMaxima,
    idle_timeout: Duration,
    lifetime: Duration,
    input_timeout: Duration,
}

/// The sessions of one server.
pub(crate) struct Sessions {
    max: SessionMaxima,
    open: Mutex<HashMap<SessionKey, Arc<Session>>>,
    next_number: AtomicU64,
    /// Cancelled when the shutdown begins.
    stopping: CancellationToken,
    /// Parent of the tokens of all sessions.
    ended: CancellationToken,
    gauge: GaugeHandle,
}

/// Why a session cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SessionLimitReached {
    OfServer,
    /// All sessions of the caller are in use.
    OfCaller,
}

/// A new session. It ends if it is dropped before it is initialized.
pub(crate) struct Opening {
    id: SessionId,
    session: SessionUse,
    messages: Option<mpsc::Receiver<Box<ClientJsonRpcMessage>>>,
}

impl Sessions {
    /// `stopping` is cancelled when the shutdown begins, and `shutdown` when requests in flight have finished.
    pub(crate) fn new(max: SessionMaxima, stopping: CancellationToken, shutdown: &CancellationToken) -> Self {
        Self {
            max,
            open: Mutex::default(),
            next_number: AtomicU64::new(1),
            stopping,
            ended: shutdown.child_token(),
            gauge: GaugeHandle::new(metrics::SESSIONS),
        }
    }

    /// Opens a session for the caller of a request. If the caller has as many as it may have, the one that was idle for
    /// the longest time ends.
    ///
    /// # Errors
    ///
    /// The server has too many sessions, or all sessions of the caller are in use.
    pub(crate) fn open(self: &Arc<Self>, access: &Access) -> Result<Opening, SessionLimitReached> {
        let id = SessionId::random();
        let limits = SessionLimits {
            outbox: OutboxMaxima { messages: self.max.buffered_messages, bytes: self.max.buffered_bytes },
            idle_timeout: self.max.idle_timeout,
            lifetime: self.max.max_lifetime,
            input_timeout: self.max.input_timeout,
        };
        let number = self.next_number.fetch_add(1, Ordering::Relaxed);
        let ended = self.ended.child_token();
        let registry = Arc::downgrade(self);
        let (session, messages) = Session::new(number, id.key(), limits, registry, access, ended);
        let session_use = SessionUse::new(&session);
        let replaced = {
            let mut open = self.lock();
            let of_caller = || open.values().filter(|other| other.is_of_principal(&access.caller));
            let is_full = of_caller().count() >= self.max.sessions_per_caller;
            let idle = of_caller().filter_map(|other| Some((other.idle_since()?, other)));
            let replaced =
                if is_full { idle.min_by_key(|(since, _)| *since).map(|(_, other)| other.key()) } else { None };
            if is_full && replaced.is_none() {
                return Err(SessionLimitReached::OfCaller);
            }
            let replaced = replaced.and_then(|key| open.remove(&key));
            if open.len() >= self.max.sessions {
                // Only if the maximum for each caller is above that of the server.
                open.extend(replaced.map(|session| (session.key(), session)));
                return Err(SessionLimitReached::OfServer);
            }
            open.insert(id.key(), Arc::clone(&session));
            replaced
        };
        self.gauge.increment();
        if let Some(replaced) = replaced {
            self.gauge.decrement();
            replaced.end();
        }
        supervise::start(Arc::clone(&session), self.stopping.clone());
        Ok(Opening { id, session: session_use, messages: Some(messages) })
    }

    /// Returns the session with the ID in the headers if it belongs to the caller. An ID that does not exist, has ended or
    /// belongs to another caller is the same: `None`.
    pub(crate) fn find(&self, headers: &HeaderMap, access: &Access) -> Option<SessionUse> {
        let mut ids = headers.get_all(SESSION_ID).iter();
        let id = ids.next().filter(|_| ids.next().is_none())?;
        let session = self.lock().get(&SessionKey::of(id.as_bytes())).cloned()?;
        if !session.belongs_to(&access.caller) {
            return None;
        }
        if !session.is_current() {
            // Its supervisor has not run since the revocation.
            session.end();
            return None;
        }
        Some(session.used_by(access))
    }

    /// Number of open sessions.
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    fn remove(&self, session: &Session) {
        if self.lock().remove(&session.key()).is_some() {
            self.gauge.decrement();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SessionKey, Arc<Session>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Sessions {
    fn drop(&mut self) {
        self.ended.cancel();
    }
}

impl Opening {
    pub(super) fn session(&self) -> &SessionUse {
        &self.session
    }

    fn id(&self) -> HeaderValue {
        self.id.to_header()
    }

    /// Returns the messages of the client. The session stays open from now on.
    fn take_messages(&mut self) -> Option<mpsc::Receiver<Box<ClientJsonRpcMessage>>> {
        self.messages.take()
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        if self.messages.is_some() {
            self.session.session().end();
        }
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").field("open", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
