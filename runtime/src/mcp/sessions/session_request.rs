//! What a request has to do with a session.

use std::{future::Future, sync::Arc};

use super::{Opening, Session, SessionUse};
use crate::auth::Access;

/// Session of an HTTP request, as the gate found it.
pub(crate) enum SessionRequest {
    /// The request may open a session.
    Open(Opening),
    /// The request belongs to a session.
    Use(SessionUse),
}

/// Session of an MCP request, until the request has been handled. The client may disconnect before.
#[derive(Clone)]
pub(crate) struct SessionCall {
    session: SessionUse,
    access: Access,
    /// Counts the request as in flight.
    _in_flight: Arc<dyn Send + Sync>,
}

impl SessionRequest {
    pub(super) fn session(&self) -> &SessionUse {
        match self {
            Self::Open(opening) => opening.session(),
            Self::Use(session) => session,
        }
    }

    /// Returns the session of the MCP request. Its access was granted to the HTTP request, which is in flight as long as
    /// `in_flight` exists.
    pub(crate) fn call(&self, access: Access, in_flight: Arc<dyn Send + Sync>) -> SessionCall {
        SessionCall { session: self.session().clone(), access, _in_flight: in_flight }
    }
}

impl SessionCall {
    pub(crate) fn session(&self) -> &Arc<Session> {
        self.session.session()
    }

    /// Runs a call until the access of its request ends. `None` if it ended before the call.
    ///
    /// Without a session, the end of the response stream cancels the call. In a session the client can resume the
    /// stream, so the call does not depend on it.
    pub(crate) async fn while_current<T>(&self, call: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.access.ended() => None,
            result = call => Some(result),
        }
    }
}
