//! What the gate hands on with a request that it lets through.

use std::{
    sync::{Arc, OnceLock},
    time::Instant,
};

use crate::{auth::Caller, scope::Shortfall};

/// Who a request is from; in the request's extensions. A request without one did not come through the gate.
#[derive(Clone, Debug)]
pub(crate) struct Admission {
    caller: Arc<Caller>,
    arrived: Instant,
    late: Arc<OnceLock<Shortfall>>,
}

impl Admission {
    pub(crate) fn new(caller: Arc<Caller>, arrived: Instant) -> Self {
        Self { caller, arrived, late: Arc::default() }
    }

    pub(crate) fn caller(&self) -> &Arc<Caller> {
        &self.caller
    }

    /// When the request came to the gate.
    pub(crate) fn arrived(&self) -> Instant {
        self.arrived
    }

    /// Says, from behind the gate, that the token turned out to have too few scopes: the gate answers as it would have
    /// at once, if nothing has been sent yet.
    pub(crate) fn refuse(&self, shortfall: Shortfall) {
        // The first one stands.
        let _ = self.late.set(shortfall);
    }

    pub(crate) fn late_refusal(&self) -> Option<&Shortfall> {
        self.late.get()
    }
}
