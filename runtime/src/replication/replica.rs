//! Replica: publishes revocations to the stream, and applies those that it reads from it.

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

#[cfg(feature = "rates")]
use super::SharedRates;
use super::{
    SealedRecords,
    deadline::Deadline,
    journal::Journal,
    reader,
    redis_client::{Connection, RedisClient, RedisError, UnparsedEntry},
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

/// Maximum time until revocations are in the stream, and so until a webhook is acknowledged.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(2);

/// This process, as one of the replicas of a server.
pub(crate) struct Replica {
    /// Random ID, by which the replica recognizes its own entries.
    id: String,
    pub(super) redis: Arc<RedisClient>,
    shared_cache: Option<SharedCache>,
    /// Encrypted records, if there is a secret.
    records: Option<Arc<SealedRecords>>,
    #[cfg(feature = "rates")]
    rates: Arc<SharedRates>,
    revocation_clock: Arc<RevocationClock>,
    /// Time until which this replica counts as connected. If the reader does not run, the lease ends.
    lease: Deadline,
    journal: Mutex<Journal>,
    /// Whether the latest log message reports that this replica is disconnected.
    is_outage_logged: AtomicBool,
    is_started: AtomicBool,
}

impl Replica {
    pub(super) fn new(
        redis: Arc<RedisClient>,
        shared_cache: Option<SharedCache>,
        records: Option<Arc<SealedRecords>>,
        #[cfg(feature = "rates")] rates: SharedRates,
        revocation_clock: Arc<RevocationClock>,
    ) -> Self {
        Self {
            id: Uuid::new_v4().simple().to_string(),
            redis,
            shared_cache,
            records,
            #[cfg(feature = "rates")]
            rates: Arc::new(rates),
            revocation_clock,
            lease: Deadline::passed(),
            journal: Mutex::default(),
            is_outage_logged: AtomicBool::new(false),
            is_started: AtomicBool::new(false),
        }
    }

    /// Returns the encrypted records that all replicas share. `None` without a secret.
    pub(crate) fn records(&self) -> Option<&Arc<SealedRecords>> {
        self.records.as_ref()
    }

    /// Returns the counters of rates that all replicas share.
    #[cfg(feature = "rates")]
    pub(crate) fn rates(&self) -> Arc<SharedRates> {
        Arc::clone(&self.rates)
    }

    /// Returns the Redis client of the replicas.
    #[cfg(feature = "approvals")]
    pub(crate) fn redis_client(&self) -> Arc<RedisClient> {
        Arc::clone(&self.redis)
    }

    /// Spawns the reader, at the first call. It runs until `stop` is cancelled or the replica is dropped.
    pub(crate) fn start(self: &Arc<Self>, stop: CancellationToken) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            tracing::error!(
                "the router was created outside a Tokio runtime: this server does not receive the revocations of the \
                 other replicas and does not acknowledge webhooks"
            );
            return;
        };
        if self.is_started.swap(true, Ordering::AcqRel) {
            return;
        }
        runtime.spawn(stop.run_until_cancelled_owned(reader::run(Arc::downgrade(self))));
    }

    /// Extends the lease, because all entries of the stream have been applied.
    pub(super) fn renew_lease(&self, until: Instant) {
        self.lease.set(until);
        metrics::replication_connected(true);
        if self.is_outage_logged.swap(false, Ordering::AcqRel) {
            tracing::info!(
                "receiving revocations from other replicas again; revocations published during the outage have been applied"
            );
        }
    }

    /// Ends the lease, because the stream cannot be read.
    pub(super) fn end_lease(&self, reason: &RedisError) {
        self.lease.clear();
        metrics::replication_connected(false);
        if !self.is_outage_logged.swap(true, Ordering::AcqRel) {
            tracing::error!(
                %reason,
                "not receiving the revocations of the other replicas: until Redis is available again, introspection \
                 responses are used for at most 10 seconds, and webhooks are not acknowledged"
            );
        }
    }

    /// Invalidates all cached tokens, because revocations may have been missed, and restarts the journal after a
    /// marker entry.
    pub(super) async fn restart_journal(&self, connection: &mut Connection) -> Result<(), RedisError> {
        let marker = Entry::new(&self.id, SystemTime::now(), &[]);
        let entry = self.redis.append(connection, &marker).await?;
        let mut journal = self.journal();
        let epoch = self.revocation_clock.revoke(&Revocation::All);
        journal.restart(Arc::clone(&connection.run_id), entry, epoch);
        Ok(())
    }

    /// Returns the run ID of the Redis server and the latest entry that was applied.
    pub(super) fn last_applied(&self) -> Option<(Arc<str>, EntryId)> {
        self.journal().last_applied()
    }

    /// Applies the revocations of an entry.
    pub(super) fn apply(&self, unparsed: &UnparsedEntry) {
        let entry = Entry::parse(unparsed.version.as_deref(), unparsed.body.as_deref());
        let mut journal = self.journal();
        let mut epoch = self.revocation_clock.epoch();
        if let Ok(entry) = entry {
            let (is_from_other, lag) = (!entry.is_from(&self.id), entry.lag());
            for revocation in entry.into_revocations() {
                epoch = self.revocation_clock.revoke(&revocation);
                if is_from_other {
                    tracing::info!(?revocation, "applied a revocation of another replica");
                    metrics::revocation_applied(lag);
                }
            }
        } else {
            tracing::warn!(
                "the stream of revocations contains an entry of another format: all cached tokens were invalidated; \
                 run the same version of toolgate on all replicas"
            );
            epoch = self.revocation_clock.revoke(&Revocation::All);
        }
        journal.record_applied(unparsed.id, epoch);
    }

    /// Publishes the revocations whose publication has failed.
    pub(super) async fn publish_pending(&self) -> Result<(), RedisError> {
        let pending = self.journal().take_pending();
        if pending.is_empty() {
            return Ok(());
        }
        let publication = Publication { replica: self, revocations: &pending, is_published: false };
        publication.publish(SystemTime::now()).await
    }

    fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Publication of revocations in progress. If it fails or is cancelled, the revocations become pending.
struct Publication<'a> {
    replica: &'a Replica,
    revocations: &'a [Revocation],
    is_published: bool,
}

impl Publication<'_> {
    async fn publish(mut self, sent: SystemTime) -> Result<(), RedisError> {
        let entry = Entry::new(&self.replica.id, sent, self.revocations);
        let append = async {
            // An idle connection may have been closed, so the first failure is retried. The stream may then contain
            // the entry twice, which has no further effect.
            match self.append(&entry).await {
                Err(RedisError::Unreachable(_)) => self.append(&entry).await,
                result => result,
            }
        };
        let id = tokio::time::timeout(PUBLISH_TIMEOUT, append).await.unwrap_or(Err(RedisError::Timeout))?;
        self.is_published = true;
        self.replica.journal().published(id);
        Ok(())
    }

    async fn append(&self, entry: &Entry) -> Result<EntryId, RedisError> {
        let redis = &self.replica.redis;
        let append = async {
            let mut connection = redis.command_connection().await?;
            // The reader would not read an entry in the stream of another Redis server.
            if self.replica.last_applied().is_none_or(|(run_id, _)| run_id != connection.run_id) {
                return Err(RedisError::DifferentServer);
            }
            redis.append(&mut connection, entry).await
        };
        append.await.inspect_err(|_| redis.disconnect())
    }
}

impl Drop for Publication<'_> {
    fn drop(&mut self) {
        if !self.is_published {
            self.replica.journal().publication_failed(self.revocations);
        }
    }
}

#[async_trait]
impl Replicator for Replica {
    fn is_connected(&self) -> bool {
        !self.lease.has_passed()
    }

    async fn revoke(&self, revocations: &[Revocation], sent: SystemTime) -> Result<(), ReplicationError> {
        if revocations.is_empty() {
            return Ok(());
        }
        // Called before the revocations are applied, so that no shared introspection response is used until they have been
        // read from the stream.
        self.journal().publication_started();
        let publication = Publication { replica: self, revocations, is_published: false };
        for revocation in revocations {
            self.revocation_clock.revoke(revocation);
        }
        publication.publish(sent).await.map_err(|error| ReplicationError(error.to_string()))
    }

    fn position(&self) -> Option<StreamPosition> {
        self.shared_cache.as_ref()?;
        if self.is_connected() { self.journal().position() } else { None }
    }

    async fn shared_introspection(&self, token: &BearerToken) -> Option<SharedIntrospection> {
        let shared_cache = self.shared_cache.as_ref()?;
        if !self.is_connected() {
            return None;
        }
        let cached = shared_cache.get(token).await?;
        let epoch = self.journal().epoch_at(&cached.position)?;
        let is_current = self.revocation_clock.is_current(&cached.claims, epoch);
        is_current.then_some(SharedIntrospection { claims: cached.claims, epoch, requested_at: cached.requested_at })
    }

    fn share(&self, token: &BearerToken, position: &StreamPosition, requested_at: Instant, claims: &Claims) {
        if let Some(shared_cache) = &self.shared_cache {
            shared_cache.insert(token, position, requested_at, claims);
        }
    }
}

impl fmt::Debug for Replica {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replica").field("is_connected", &self.is_connected()).finish_non_exhaustive()
    }
}
