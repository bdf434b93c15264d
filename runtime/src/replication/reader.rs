//! Reader of the stream: receives the revocations of the other replicas and renews the lease.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use backon::{BackoffBuilder as _, ExponentialBuilder};
use tokio::time::Instant;

use super::{
    Replica,
    redis_client::{Connection, RedisError},
};

/// Time for which Redis waits for an entry before it returns none.
const BLOCK_TIME: Duration = Duration::from_secs(1);
/// Time after a read for which this replica counts as connected, and maximum time of a read.
const LEASE_TIME: Duration = Duration::from_secs(3);
/// Delay before the reader reconnects after a failure. It doubles with each failure, plus a random part, so that
/// replicas which failed together do not reconnect together.
const MIN_RECONNECT_DELAY: Duration = Duration::from_millis(100);
const MAX_RECONNECT_DELAY: Duration = Duration::from_secs(2);

/// Reads the stream until the replica is dropped.
pub(super) async fn run(replica: Weak<Replica>) {
    let mut reader = Reader { connection: None };
    let mut delays = reconnect_delays();
    loop {
        let Some(replica) = replica.upgrade() else { return };
        match reader.read_batch(&replica).await {
            Ok(()) => delays = reconnect_delays(),
            Err(reason) => {
                reader.connection = None;
                replica.end_lease(&reason);
                replica.redis.disconnect();
                drop(replica);
                tokio::time::sleep(delays.next().unwrap_or(MAX_RECONNECT_DELAY)).await;
            }
        }
    }
}

fn reconnect_delays() -> impl Iterator<Item = Duration> {
    ExponentialBuilder::default()
        .with_min_delay(MIN_RECONNECT_DELAY)
        .with_max_delay(MAX_RECONNECT_DELAY)
        .with_jitter()
        .without_max_times()
        .build()
}

struct Reader {
    connection: Option<Connection>,
}

impl Reader {
    async fn read_batch(&mut self, replica: &Arc<Replica>) -> Result<(), RedisError> {
        // The first read after a connection does not block, so that the lease is renewed as early as possible.
        let block = self.connection.is_some().then_some(BLOCK_TIME);
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(connect(replica).await?),
        };
        // This connection is opened in advance, so that webhooks and requests do not wait for it.
        replica.redis.command_connection().await?;
        replica.publish_pending().await?;
        let Some((_, last_applied)) = replica.last_applied() else {
            return replica.restart_journal(connection, false).await;
        };
        let read_at = Instant::now();
        let batch = replica.redis.read(connection, last_applied, block).await?;
        batch.entries.iter().for_each(|entry| replica.apply(entry));
        if !replica.redis.contains(connection, last_applied).await? {
            // Later entries may be lost, too, and the IDs of new entries may be lower.
            tracing::warn!("Redis has lost the stream of revocations: invalidating all cached tokens");
            return replica.restart_journal(connection, true).await;
        }
        if batch.is_complete {
            // Entries that were appended after the start of the read may not be in the batch.
            replica.renew_lease(read_at + LEASE_TIME);
        }
        Ok(())
    }
}

/// Connects to Redis. Invalidates all cached tokens unless Redis has every entry since the last one that was applied.
async fn connect(replica: &Arc<Replica>) -> Result<Connection, RedisError> {
    let mut connection = replica.redis.connect(LEASE_TIME).await?;
    let Some((run_id, last_applied)) = replica.last_applied() else {
        replica.restart_journal(&mut connection, false).await?;
        tracing::info!("receiving the revocations of the other replicas through Redis");
        return Ok(connection);
    };
    let has_lost = !replica.redis.contains(&mut connection, last_applied).await?;
    if has_lost || run_id != connection.run_id {
        tracing::warn!("Redis was restarted or has lost entries that were not read: invalidating all cached tokens");
        replica.restart_journal(&mut connection, has_lost).await?;
    }
    Ok(connection)
}
