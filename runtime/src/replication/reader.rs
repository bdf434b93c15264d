//! Hears what the other replicas revoke.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    Replica,
    redis_client::{Connection, RedisError},
};

/// How long Redis waits for an entry before it says that there is none.
const WAIT: Duration = Duration::from_secs(1);
/// How long after a question to the stream it counts that the others were heard. Whoever does not answer for as long is
/// lost.
const LEASE: Duration = Duration::from_secs(3);
/// How long after a failure it is tried again; doubled with each, and up to a half longer, so that replicas which failed
/// together do not return together.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Reads for as long as somebody needs the replica.
pub(super) async fn read(replica: Weak<Replica>) {
    let mut reader = Reader { connection: None };
    let mut pause = FIRST_PAUSE;
    loop {
        let Some(replica) = replica.upgrade() else { return };
        match reader.round(&replica).await {
            Ok(()) => pause = FIRST_PAUSE,
            Err(reason) => {
                reader.connection = None;
                replica.lost(&reason);
                replica.link.disconnect();
                drop(replica);
                tokio::time::sleep(pause.mul_f64(rand::random_range(1.0..1.5))).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

struct Reader {
    connection: Option<Connection>,
}

impl Reader {
    async fn round(&mut self, replica: &Arc<Replica>) -> Result<(), RedisError> {
        // After a loss there is a lot to read, or nothing to wait for.
        let wait = self.connection.is_some().then_some(WAIT);
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(connect(replica).await?),
        };
        // There before somebody needs it.
        replica.link.commands().await?;
        replica.catch_up_telling().await?;
        let Some((_, position)) = replica.position() else {
            return replica.join(connection).await;
        };
        let asked_at = Instant::now();
        let batch = replica.link.read(connection, position, wait).await?;
        batch.entries.iter().for_each(|read| replica.apply(read));
        if !replica.link.holds(connection, position).await? {
            // Something that stood behind it may be gone with it, and what is written next may come to stand before it.
            tracing::warn!("Redis lost the stream of revocations: everybody's access is checked again");
            return replica.join(connection).await;
        }
        if batch.is_all {
            // Only what was there when it was asked is known.
            replica.heard(asked_at + LEASE);
        }
        Ok(())
    }
}

/// A connection to a Redis that has everything since the last entry, or everybody's access is checked again.
async fn connect(replica: &Arc<Replica>) -> Result<Connection, RedisError> {
    let mut connection = replica.link.connect(LEASE).await?;
    let known = match replica.position() {
        Some((history, position)) if history == connection.history => {
            replica.link.holds(&mut connection, position).await?
        }
        Some(_) => false,
        None => {
            replica.join(&mut connection).await?;
            tracing::info!("the other replicas are heard by way of Redis");
            return Ok(connection);
        }
    };
    if !known {
        tracing::warn!(
            "Redis was restarted, or has lost entries that were not read: everybody's access is checked again"
        );
        replica.join(&mut connection).await?;
    }
    Ok(connection)
}
