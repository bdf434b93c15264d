//! Revocations: what ends access, and the handle that validators and programs use for it.

use std::{sync::Arc, time::SystemTime};

use super::{ReplicationError, Replicator, RevocationClock};
use crate::metrics;

/// Set of tokens whose cached introspection responses become invalid. A token that is still active is accepted
/// after its next validation, except a [self-contained](super::Claims::self_contained) one, such as a JWT, that was issued
/// before the revocation.
///
/// Pass revocations to [`Revocations::revoke`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Revocation {
    /// Tokens of a user, in all organizations. The text is the user's ID
    /// ([`Claims::subject`](super::Claims::subject)).
    User(String),
    /// Tokens of a user in one organization.
    Member {
        /// The user's ID.
        user: String,
        /// The organization's ID.
        org: String,
    },
    /// Tokens of all users of an organization. The text is its ID ([`Claims::org_id`](super::Claims::org_id)).
    Organization(String),
    /// Tokens of an organization that act for no user, such as its API keys. The text is its ID.
    Machines(String),
    /// All tokens.
    All,
}

/// Handle that revokes access on this server and on its replicas.
///
/// [`BuiltServer::revocations`](crate::BuiltServer::revocations) returns it to a program, and
/// [`TokenValidator::routes`](super::TokenValidator::routes) passes it to a validator. All clones act on the same
/// server.
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

    /// Revokes access. When this returns, every affected token must be validated again before it is accepted, the
    /// open response streams of the affected callers end, and affected JWTs that were issued before are rejected until
    /// they have expired.
    ///
    /// # Errors
    ///
    /// Returns [`ReplicationError`] if access has ended on this server but the other replicas could not be notified.
    pub async fn revoke(&self, revocations: &[Revocation]) -> Result<(), ReplicationError> {
        self.revoke_since(revocations, SystemTime::now()).await
    }

    /// Revokes access as [`revoke`](Self::revoke) does. `sent` is the time at which the authorization server sent the
    /// event; the metric `toolgate_revocation_lag_seconds` records the time since then.
    ///
    /// # Errors
    ///
    /// Returns the same error as [`revoke`](Self::revoke).
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
