//! Access of a request: valid until the token expires or a revocation ends it.

use std::{sync::Arc, time::SystemTime};

use super::{Caller, Epoch, RevocationClock};

/// Access of an authenticated request.
#[derive(Clone)]
pub(crate) struct Access {
    pub(crate) caller: Arc<Caller>,
    /// Epoch before the caller was authenticated.
    pub(crate) since: Epoch,
    pub(crate) clock: Arc<RevocationClock>,
}

impl Access {
    /// Returns whether the access has neither expired nor been revoked.
    pub(crate) fn is_current(&self) -> bool {
        !self.caller.is_expired(SystemTime::now()) && self.clock.is_current(self.caller.owner(), self.since)
    }

    /// Waits until the access ends.
    pub(crate) async fn ended(&self) {
        // Before the first check, so that no revocation is missed.
        let mut revoked = self.clock.subscribe();
        while self.is_current() {
            let expired = async {
                match self.caller.expires_at() {
                    Some(at) => tokio::time::sleep(at.duration_since(SystemTime::now()).unwrap_or_default()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                changed = revoked.changed() => if changed.is_err() { return },
                () = expired => {}
            }
        }
    }

    /// Waits until a revocation ends the access. Its expiry does not.
    pub(crate) async fn revoked(&self) {
        // Before the first check, so that no revocation is missed.
        let mut revoked = self.clock.subscribe();
        while self.clock.is_current(self.caller.owner(), self.since) {
            if revoked.changed().await.is_err() {
                return;
            }
        }
    }
}
