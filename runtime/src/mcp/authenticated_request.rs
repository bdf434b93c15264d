//! Extension that the gate adds to each request that it forwards to rmcp.

use std::{
    sync::{Arc, OnceLock},
    time::Instant,
};

use crate::{auth::Caller, scope::MissingScopes};

/// Caller and arrival time of a request that has passed the gate. A request without this extension is not served.
#[derive(Clone, Debug)]
pub(crate) struct AuthenticatedRequest {
    caller: Arc<Caller>,
    received_at: Instant,
    step_up: Arc<OnceLock<MissingScopes>>,
}

impl AuthenticatedRequest {
    pub(crate) fn new(caller: Arc<Caller>, received_at: Instant) -> Self {
        Self { caller, received_at, step_up: Arc::default() }
    }

    pub(crate) fn caller(&self) -> &Arc<Caller> {
        &self.caller
    }

    /// Time at which the gate received the request.
    pub(crate) fn received_at(&self) -> Instant {
        self.received_at
    }

    /// Reports that the call needs more scopes, so that the gate responds with a step-up challenge unless a response
    /// stream has begun. Only the first report counts.
    pub(crate) fn require_step_up(&self, scopes: MissingScopes) {
        let _ = self.step_up.set(scopes);
    }

    /// The missing scopes, if the call needs more.
    pub(crate) fn step_up(&self) -> Option<&MissingScopes> {
        self.step_up.get()
    }
}
