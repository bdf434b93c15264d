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
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

#[cfg(feature = "rates")]
use super::SharedRates;
use super::{
    SealedRecords,
    deadline::Deadline,
    journal::Journal,
    reader,
    redis_client::{Connection, MAX_STREAM_ENTRIES, RedisClient, RedisError, UnparsedEntry},
    shared_cache::SharedCache,
    stream_entry::{Entry, EntryId},
};
use crate::{
    auth::{
        BearerToken, Claims, ReplicationError, Replicator, Revocation, RevocationClock, SharedIntrospection,
        StreamPosition, Unavailable,
    },
    metrics, traces,
};

/// Maximum time until revocations are in the stream, and so until a webhook is acknowledged.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(2);
/// Maximum time that the validation of a self-contained token waits for the revocations from before the start.
const HISTORY_TIMEOUT: Duration = Duration::from_secs(2);

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
    /// Whether the revocations from before the start have been applied.
    has_history: watch::Sender<bool>,
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
            has_history: watch::Sender::new(false),
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
    ///
    /// Self-contained tokens stay valid unless a revocation in the stream concerns them, or the stream `has_lost` entries
    /// that this replica had read or would have read.
    pub(super) async fn restart_journal(
        &self,
        connection: &mut Connection,
        has_lost: bool,
    ) -> Result<(), RedisError> {
        let marker = Entry::new(&self.id, SystemTime::now(), &[]);
        let entry = self.redis.append(connection, &marker).await?;
        if let Some(lifetime) = self.revocation_clock.self_contained_lifetime() {
            if has_lost {
                self.revocation_clock.revoke(&Revocation::All);
            } else {
                self.apply_history(connection, entry, lifetime).await?;
            }
        }
        let mut journal = self.journal();
        let epoch = self.revocation_clock.invalidate_responses();
        journal.restart(Arc::clone(&connection.run_id), entry, epoch);
        drop(journal);
        self.has_history.send_replace(true);
        Ok(())
    }

    /// Applies the entries before `end` that concern self-contained tokens which may still be valid.
    async fn apply_history(
        &self,
        connection: &mut Connection,
        end: EntryId,
        lifetime: Duration,
    ) -> Result<(), RedisError> {
        let start = end.time().and_then(|end| end.checked_sub(lifetime)).unwrap_or(SystemTime::UNIX_EPOCH);
        let (mut after, mut oldest, mut count) = (EntryId::before(start), None, 0);
        loop {
            let batch = self.redis.read(connection, after, None).await?;
            for unparsed in batch.entries.iter().take_while(|unparsed| unparsed.id < end) {
                oldest = oldest.or(unparsed.id.time());
                after = unparsed.id;
                count += 1;
                self.revoke(unparsed, None);
            }
            if batch.is_complete || batch.entries.last().is_none_or(|last| last.id >= end) {
                break;
            }
        }
        // Redis removes the oldest entries of a longer stream. They may have been revocations of any token.
        if let Some(oldest) = oldest.filter(|_| count >= MAX_STREAM_ENTRIES) {
            self.revocation_clock.revoke_at(&Revocation::All, oldest);
        }
        Ok(())
    }

    /// Returns the run ID of the Redis server and the latest entry that was applied.
    pub(super) fn last_applied(&self) -> Option<(Arc<str>, EntryId)> {
        self.journal().last_applied()
    }

    /// Applies the revocations of an entry.
    pub(super) fn apply(&self, unparsed: &UnparsedEntry) {
        let mut journal = self.journal();
        if let Some((revocations, lag)) = self.revoke(unparsed, unparsed.traceparent.as_deref()) {
            for revocation in revocations {
                tracing::info!(?revocation, "applied a revocation of another replica");
                metrics::revocation_applied(lag);
            }
        }
        journal.record_applied(unparsed.id, self.revocation_clock.epoch());
    }

    /// Revokes what an entry says, in the trace of the replica that has published it. Returns the revocations and their lag
    /// if another replica has published them.
    fn revoke(&self, unparsed: &UnparsedEntry, traceparent: Option<&str>) -> Option<(Vec<Revocation>, Duration)> {
        let now = SystemTime::now();
        let Ok(entry) = Entry::parse(unparsed.version.as_deref(), unparsed.body.as_deref()) else {
            tracing::warn!(
                "the stream of revocations contains an entry of another format: all cached tokens and all JWTs from \
                 before were invalidated; run the same version of toolgate on all replicas"
            );
            let at = unparsed.id.time().unwrap_or(now).min(now);
            self.revocation_clock.revoke_at(&Revocation::All, at);
            return None;
        };
        let (is_from_other, lag, at) = (!entry.is_from(&self.id), entry.lag(), entry.revoked_at(unparsed.id, now));
        let revocations: Vec<_> = entry.into_revocations().collect();
        traces::receive("apply revocations", traceparent.filter(|_| is_from_other), || {
            for revocation in &revocations {
                self.revocation_clock.revoke_at(revocation, at);
            }
        });
        is_from_other.then_some((revocations, lag))
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

    async fn earlier_revocations(&self) -> Result<(), Unavailable> {
        let mut has_history = self.has_history.subscribe();
        match tokio::time::timeout(HISTORY_TIMEOUT, has_history.wait_for(|has_history| *has_history)).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(Unavailable::new(
                "the revocations from before the start of this replica have not been read from Redis, so that JWTs cannot \
                 be validated",
            )
            .retry_after(HISTORY_TIMEOUT)),
        }
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
