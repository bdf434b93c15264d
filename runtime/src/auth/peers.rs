//! The other replicas of this server, as far as revocations and answers about tokens go.

use std::{fmt, sync::Arc, time::SystemTime};

use async_trait::async_trait;
use thiserror::Error;
use tokio::time::Instant;

use super::{BearerToken, Claims, Moment, Revocation};

/// A place in the order of revocations that all replicas share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Which order: places of two are not compared.
    pub(crate) history: Arc<str>,
    /// The last entry that was applied.
    pub(crate) entry: (u64, u64),
}

/// What another replica was told about a token.
#[derive(Debug)]
pub(crate) struct PeerAnswer {
    pub(crate) claims: Claims,
    /// On the clock of revocations here, a moment from before it asked.
    pub(crate) since: Moment,
    pub(crate) asked_at: Instant,
}

/// The revocation is in force here, and nobody else knows of it yet.
#[derive(Debug, Error)]
#[error("the other replicas could not be told of a revocation: {0}")]
pub(crate) struct Untold(pub(crate) String);

/// The other replicas.
#[async_trait]
pub(crate) trait Peers: fmt::Debug + Send + Sync {
    /// Whether everything that they revoked until a moment ago is in force here.
    fn are_heard(&self) -> bool;

    /// Ends access here and at all others. `sent` is when somebody said so.
    ///
    /// # Errors
    ///
    /// It ended here only.
    async fn revoke(&self, revocations: &[Revocation], sent: SystemTime) -> Result<(), Untold>;

    /// Where this replica is, to be remembered before asking about a token that is to be shared.
    fn place(&self) -> Option<Place>;

    /// What one of them was told about a token, if it is still worth something.
    async fn answer(&self, token: &BearerToken) -> Option<PeerAnswer>;

    /// Lets the others know what was said about a token that was asked about at this place and time.
    fn share(&self, token: &BearerToken, place: &Place, asked_at: Instant, claims: &Claims);
}

#[cfg(test)]
mod tests;
