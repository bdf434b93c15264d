//! The other replicas of this server, as far as revocations and answers about tokens go.

use std::{fmt, sync::Arc, time::SystemTime};

use async_trait::async_trait;
use thiserror::Error;
use tokio::time::Instant;

use super::{BearerToken, Claims, Epoch, Revocation};

/// A place in the order of revocations that all replicas share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StreamPosition {
    /// Which order: places of two are not compared.
    pub(crate) history: Arc<str>,
    /// The last entry that was applied.
    pub(crate) entry: (u64, u64),
}

/// What another replica was told about a token.
#[derive(Debug)]
pub(crate) struct SharedIntrospection {
    pub(crate) claims: Claims,
    /// On the clock of revocations here, a moment from before it asked.
    pub(crate) since: Epoch,
    pub(crate) asked_at: Instant,
}

/// Access has ended on this replica, but the other replicas could not be notified.
#[derive(Debug, Error)]
#[error("the other replicas could not be notified of a revocation: {0}")]
pub struct ReplicationError(pub(crate) String);

/// The other replicas.
#[async_trait]
pub(crate) trait Replicator: fmt::Debug + Send + Sync {
    /// Whether everything that they revoked until a moment ago is in force here.
    fn is_connected(&self) -> bool;

    /// Ends access here and at all others. `sent` is when somebody said so.
    ///
    /// # Errors
    ///
    /// It ended here only.
    async fn revoke(&self, revocations: &[Revocation], sent: SystemTime) -> Result<(), ReplicationError>;

    /// Where this replica is, to be remembered before asking about a token that is to be shared.
    fn position(&self) -> Option<StreamPosition>;

    /// What one of them was told about a token, if it is still worth something.
    async fn shared_introspection(&self, token: &BearerToken) -> Option<SharedIntrospection>;

    /// Lets the others know what was said about a token that was asked about at this place and time.
    fn share(&self, token: &BearerToken, place: &StreamPosition, asked_at: Instant, claims: &Claims);
}

#[cfg(test)]
mod tests;
