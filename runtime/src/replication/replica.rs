//! This replica among the others.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    journal::Journal,
    lease::Lease,
    reader,
    redis_client::{Connection, Read, RedisClient, RedisError},
    shared_cache::SharedCache,
    stream_entry::{Entry, EntryId},
};
use crate::{
    auth::{
        BearerToken, Claims, ReplicationError, Replicator, Revocation, RevocationClock, SharedIntrospection,
        StreamPosition,
    },
    metrics,
};

/// How long a webhook waits for its revocations to stand in the stream.
const TELL_WITHIN: Duration = Duration::from_secs(2);

pub(crate) struct Replica {
    /// What the others know it by, for as long as it runs.
    id: String,
    pub(super) link: Arc<RedisClient>,
    answers: Option<SharedCache>,
    revocations: Arc<RevocationClock>,
    lease: Lease,
    journal: Mutex<Journal>,
    /// Whether the log was told that the others are not heard.
    alone: AtomicBool,
}

impl Replica {
    pub(super) fn new(
        link: Arc<RedisClient>,
        answers: Option<SharedCache>,
        revocations: Arc<RevocationClock>,
    ) -> Self {
        Self {
            id: Uuid::new_v4().simple().to_string(),
            link,
            answers,
            revocations,
            lease: Lease::new(),
            journal: Mutex::default(),
            alone: AtomicBool::new(false),
        }
    }

    /// Hears the others from now on, until it is told to stop or nobody needs it any more.
    pub(crate) fn start(self: &Arc<Self>, stop: CancellationToken) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            tracing::error!(
                "the router was made outside a Tokio runtime: the other replicas are not heard, and webhooks are not \
                 acknowledged"
            );
            return;
        };
        runtime.spawn(stop.run_until_cancelled_owned(reader::read(Arc::downgrade(self))));
    }

    /// Everything until this moment was heard and is in force.
    pub(super) fn heard(&self, until: Instant) {
        self.lease.renew(until);
        metrics::replication_connected(true);
        if self.alone.swap(false, Ordering::AcqRel) {
            tracing::info!("the other replicas are heard again, and what they revoked meanwhile is in force");
        }
    }

    /// The others are not heard, for this reason.
    pub(super) fn lost(&self, reason: &RedisError) {
        self.lease.end();
        metrics::replication_connected(false);
        if !self.alone.swap(true, Ordering::AcqRel) {
            tracing::error!(
                %reason,
                "the other replicas are not heard: Redis fails. Until it is back, what is known of a token is used for \
                 10 seconds at most, and webhooks are not acknowledged"
            );
        }
    }

    /// Begins anew: whatever was revoked until now, nothing that was learned before counts.
    pub(super) async fn join(&self, connection: &mut Connection) -> Result<(), RedisError> {
        let hello = Entry::new(&self.id, SystemTime::now(), &[]);
        let entry = self.link.append(connection, &hello).await?;
        let mut journal = self.journal();
        let moment = self.revocations.revoke(&Revocation::All);
        journal.begin(Arc::clone(&connection.history), entry, moment);
        Ok(())
    }

    pub(super) fn position(&self) -> Option<(Arc<str>, EntryId)> {
        self.journal().position()
    }

    /// Puts an entry in force.
    pub(super) fn apply(&self, read: &Read) {
        let entry = Entry::read(read.version.as_deref(), read.body.as_deref());
        let mut journal = self.journal();
        let mut moment = self.revocations.epoch();
        if let Ok(entry) = entry {
            let (others, lag) = (!entry.is_from(&self.id), entry.lag());
            for revocation in entry.into_revocations() {
                moment = self.revocations.revoke(&revocation);
                if others {
                    tracing::info!(?revocation, "another replica heard of a revocation");
                    metrics::revocation_applied(lag);
                }
            }
        } else {
            tracing::warn!(
                "a replica wrote what this one cannot read: everybody's access is checked again. Do all run the same \
                 version of toolgate?"
            );
            moment = self.revocations.revoke(&Revocation::All);
        }
        journal.applied(read.id, moment);
    }

    /// Tells the others what they could not be told when it came.
    pub(super) async fn catch_up_telling(&self) -> Result<(), RedisError> {
        let untold = self.journal().take_untold();
        if untold.is_empty() {
            return Ok(());
        }
        let telling = PendingEntry { replica: self, revocations: &untold, told: false };
        telling.finish(SystemTime::now()).await
    }

    fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// RevocationClock on their way to the stream. If they do not arrive, they are kept.
struct PendingEntry<'a> {
    replica: &'a Replica,
    revocations: &'a [Revocation],
    told: bool,
}

impl PendingEntry<'_> {
    async fn finish(mut self, sent: SystemTime) -> Result<(), RedisError> {
        let entry = Entry::new(&self.replica.id, sent, self.revocations);
        let tell = async {
            // A connection that nobody used for long may have been closed; it may stand in the stream twice, then.
            match self.attempt(&entry).await {
                Err(RedisError::Unreachable(_)) => self.attempt(&entry).await,
                result => result,
            }
        };
        let id = tokio::time::timeout(TELL_WITHIN, tell).await.unwrap_or(Err(RedisError::Silent))?;
        self.told = true;
        self.replica.journal().told(id);
        Ok(())
    }

    async fn attempt(&self, entry: &Entry) -> Result<EntryId, RedisError> {
        let link = &self.replica.link;
        let attempt = async {
            let mut connection = link.commands().await?;
            // Whoever listens to another Redis would not hear it.
            if self.replica.position().is_none_or(|(history, _)| history != connection.history) {
                return Err(RedisError::Another);
            }
            link.append(&mut connection, entry).await
        };
        attempt.await.inspect_err(|_| link.disconnect())
    }
}

impl Drop for PendingEntry<'_> {
    fn drop(&mut self) {
        if !self.told {
            self.replica.journal().not_told(self.revocations);
        }
    }
}

#[async_trait]
impl Replicator for Replica {
    fn is_connected(&self) -> bool {
        self.lease.holds()
    }

    async fn revoke(&self, revocations: &[Revocation], sent: SystemTime) -> Result<(), ReplicationError> {
        if revocations.is_empty() {
            return Ok(());
        }
        // First of all: from here on, no answer of another replica is taken until this has come back from the stream.
        self.journal().telling();
        let telling = PendingEntry { replica: self, revocations, told: false };
        for revocation in revocations {
            self.revocations.revoke(revocation);
        }
        telling.finish(sent).await.map_err(|error| ReplicationError(error.to_string()))
    }

    fn position(&self) -> Option<StreamPosition> {
        self.answers.as_ref()?;
        if self.is_connected() { self.journal().place() } else { None }
    }

    async fn shared_introspection(&self, token: &BearerToken) -> Option<SharedIntrospection> {
        let answers = self.answers.as_ref()?;
        if !self.is_connected() {
            return None;
        }
        let found = answers.find(token).await?;
        let since = self.journal().moment_of(&found.place)?;
        let stands = self.revocations.is_current(&found.claims, since);
        stands.then_some(SharedIntrospection { claims: found.claims, since, asked_at: found.asked_at })
    }

    fn share(&self, token: &BearerToken, place: &StreamPosition, asked_at: Instant, claims: &Claims) {
        if let Some(answers) = &self.answers {
            answers.share(token, place, asked_at, claims);
        }
    }
}

impl fmt::Debug for Replica {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replica").field("heard", &self.is_connected()).finish_non_exhaustive()
    }
}
