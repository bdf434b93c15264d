//! Handle that ends access, for validators and programs.

use std::{sync::Arc, time::SystemTime};

use super::{ReplicationError, Replicator, Revocation, RevocationClock};
use crate::metrics;

/// Handle that ends access on this server and on its replicas.
///
/// [`BuiltServer::revocations`](crate::BuiltServer::revocations) returns it to a program, and
/// [`TokenValidator::routes`](super::TokenValidator::routes) passes it to a validator. Clones share the same server.
///
/// ```no_run
/// use toolgate::auth::Revocation;
///
/// # async fn run(server: toolgate::BuiltServer) -> Result<(), toolgate::auth::ReplicationError> {
/// let revocations = server.revocations();
/// revocations.revoke(&[Revocation::User("6f3c…".to_owned())]).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Revocations {
    clock: Arc<RevocationClock>,
    replicator: Option<Arc<dyn Replicator>>,
}

impl Revocations {
    pub(crate) fn new(clock: Arc<RevocationClock>, replicator: Option<Arc<dyn Replicator>>) -> Self {
        Self { clock, replicator }
    }

    /// Ends access. When this returns, no cached token of these users or organizations is accepted without asking the
    /// validator again, and their response streams end.
    ///
    /// # Errors
    ///
    /// Access has ended on this server, but the other replicas could not be notified.
    pub async fn revoke(&self, revocations: &[Revocation]) -> Result<(), ReplicationError> {
        self.revoke_since(revocations, SystemTime::now()).await
    }

    /// Ends access as [`revoke`](Self::revoke) does. `sent` is when the authorization server sent the event; the metric
    /// `toolgate_revocation_lag_seconds` records the time since then.
    ///
    /// # Errors
    ///
    /// As for [`revoke`](Self::revoke).
    pub async fn revoke_since(&self, revocations: &[Revocation], sent: SystemTime) -> Result<(), ReplicationError> {
        let result = if let Some(replicator) = &self.replicator {
            replicator.revoke(revocations, sent).await
        } else {
            for revocation in revocations {
                self.clock.revoke(revocation);
            }
            Ok(())
        };
        for _ in revocations {
            metrics::revocation_applied(sent.elapsed().unwrap_or_default());
        }
        result
    }
}
