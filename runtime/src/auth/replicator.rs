//! Interface to the other replicas of this server. The module `replication` implements it; authentication depends
//! only on this trait.

use std::{fmt, sync::Arc, time::SystemTime};

use async_trait::async_trait;
use thiserror::Error;
use tokio::time::Instant;

use super::{BearerToken, Claims, Epoch, Revocation, Unavailable};

/// Position in the stream of revocations that all replicas share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StreamPosition {
    /// Identifies one run of the stream's server. Positions of different runs are not comparable.
    pub(crate) run_id: Arc<str>,
    /// ID of the last entry that was applied.
    pub(crate) entry: (u64, u64),
}

/// Introspection response that another replica received.
#[derive(Debug)]
pub(crate) struct SharedIntrospection {
    pub(crate) claims: Claims,
    /// Epoch of this replica's revocation clock from before the introspection request.
    pub(crate) epoch: Epoch,
    /// Time of the introspection request.
    pub(crate) requested_at: Instant,
}

/// The other replicas could not be notified of a revocation. Access has ended on this replica.
#[derive(Debug, Error)]
#[error("the other replicas could not be notified of a revocation: {0}")]
pub struct ReplicationError(pub(crate) String);

/// Connection to the other replicas.
#[async_trait]
pub(crate) trait Replicator: fmt::Debug + Send + Sync {
    /// Returns whether this replica has applied all revocations of the other replicas up to a few seconds ago.
    fn is_connected(&self) -> bool;

    /// Ends access on this replica and on all others. `sent` is the time at which the event was sent.
    ///
    /// # Errors
    ///
    /// Returns [`ReplicationError`] if access has ended on this replica only.
    async fn revoke(&self, revocations: &[Revocation], sent: SystemTime) -> Result<(), ReplicationError>;

    /// Waits for a short time until this replica has applied the revocations from before its start, which concern
    /// self-contained tokens.
    ///
    /// # Errors
    ///
    /// They have not been read yet.
    async fn earlier_revocations(&self) -> Result<(), Unavailable>;

    /// Returns this replica's position in the stream. Call this before an introspection request whose response is
    /// shared.
    fn position(&self) -> Option<StreamPosition>;

    /// Returns the introspection response that another replica shared for a token, if it is still valid.
    async fn shared_introspection(&self, token: &BearerToken) -> Option<SharedIntrospection>;

    /// Shares an introspection response, with the stream position and the time from before its request.
    fn share(&self, token: &BearerToken, position: &StreamPosition, requested_at: Instant, claims: &Claims);
}
