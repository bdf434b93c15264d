//! The connections to Redis, and what is said over them.

use std::{collections::HashMap, sync::Arc, time::Duration};

use redis::{AsyncConnectionConfig, Cmd, FromRedisValue, Pipeline, aio::MultiplexedConnection};
use thiserror::Error;
use tokio::sync::Mutex;

use super::stream_entry::{Entry, EntryId, VERSION};

/// Past that, the oldest entries are removed from the stream.
const MAX_ENTRIES: usize = 100_000;
/// How many entries are read at once.
const BATCH: usize = 512;
const CONNECT_WITHIN: Duration = Duration::from_secs(1);

/// In characters.
const LONGEST_REASON: usize = 300;

/// Why Redis did not do what it was asked. Repeats nothing that it was sent.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum RedisError {
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    #[error("it does not answer in time")]
    Silent,
    #[error("it refused {command} ({code})")]
    Refused { command: &'static str, code: String },
    #[error("its answer to {0} was not understood")]
    Unreadable(&'static str),
    #[error("another one answers than the one that is listened to")]
    Another,
}

impl RedisError {
    fn from(command: &'static str, error: &redis::RedisError) -> Self {
        if error.is_timeout() {
            Self::Silent
        } else if let Some(code) = error.code() {
            Self::Refused { command, code: code.chars().take(32).collect() }
        } else if error.is_io_error() || error.is_connection_dropped() || error.is_unrecoverable_error() {
            // What the operating system says, or TLS; what a server says may repeat what it was sent.
            let said = if error.is_io_error() { error.to_string() } else { error.category().to_owned() };
            Self::Unreachable(said.chars().take(LONGEST_REASON).collect())
        } else {
            Self::Refused { command, code: error.category().to_owned() }
        }
    }
}

/// A connection, and which Redis is at its other end.
#[derive(Clone)]
pub(super) struct Connection {
    connection: MultiplexedConnection,
    /// Another one after every restart, and another one on every server: what was written to one may be lost to another.
    pub(super) history: Arc<str>,
}

impl Connection {
    async fn query<T: FromRedisValue>(&mut self, name: &'static str, command: &Cmd) -> Result<T, RedisError> {
        command.query_async(&mut self.connection).await.map_err(|error| RedisError::from(name, &error))
    }

    pub(super) async fn pipeline<T: FromRedisValue>(
        &mut self,
        name: &'static str,
        pipeline: &Pipeline,
    ) -> Result<T, RedisError> {
        pipeline.query_async(&mut self.connection).await.map_err(|error| RedisError::from(name, &error))
    }
}

/// An entry as it was read.
pub(super) struct Read {
    pub(super) id: EntryId,
    pub(super) version: Option<String>,
    pub(super) body: Option<String>,
}

/// What was read at once.
pub(super) struct Batch {
    pub(super) entries: Vec<Read>,
    /// Whether these were all that there were.
    pub(super) is_all: bool,
}

/// Redis, for one set of replicas.
pub(super) struct RedisClient {
    client: redis::Client,
    stream: String,
    /// For everything but waiting for entries.
    commands: Mutex<Option<Connection>>,
}

impl RedisClient {
    pub(super) fn new(client: redis::Client, prefix: &str) -> Self {
        Self { client, stream: format!("{prefix}:revocations"), commands: Mutex::default() }
    }

    /// A connection of its own, on which no answer takes longer than this.
    pub(super) async fn connect(&self, answers_within: Duration) -> Result<Connection, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_WITHIN))
            .set_response_timeout(Some(answers_within));
        let connect = self.client.get_multiplexed_async_connection_with_config(&config);
        // The name may take its time to be looked up.
        let connection = match tokio::time::timeout(2 * CONNECT_WITHIN, connect).await {
            Err(_) => return Err(RedisError::Silent),
            Ok(Err(error)) => return Err(RedisError::from("the connection", &error)),
            Ok(Ok(connection)) => connection,
        };
        let mut connection = Connection { connection, history: "".into() };
        let info: String = connection.query("INFO", redis::cmd("INFO").arg("server")).await?;
        let run = info.lines().find_map(|line| line.strip_prefix("run_id:")).map(str::trim);
        connection.history = run.filter(|run| !run.is_empty()).ok_or(RedisError::Unreadable("INFO"))?.into();
        Ok(connection)
    }

    /// The connection for commands, made if there is none.
    pub(super) async fn commands(&self) -> Result<Connection, RedisError> {
        let mut commands = self.commands.lock().await;
        if let Some(connection) = &*commands {
            return Ok(connection.clone());
        }
        let connection = self.connect(CONNECT_WITHIN).await?;
        Ok(commands.insert(connection).clone())
    }

    /// The next command makes a new connection. If somebody is making one already, it is that.
    pub(super) fn disconnect(&self) {
        if let Ok(mut commands) = self.commands.try_lock() {
            *commands = None;
        }
    }

    /// Appends an entry.
    pub(super) async fn append(&self, connection: &mut Connection, entry: &Entry) -> Result<EntryId, RedisError> {
        let body = serde_json::to_string(entry).map_err(|_| RedisError::Unreadable("an entry"))?;
        let mut command = redis::cmd("XADD");
        command.arg(&self.stream).arg("MAXLEN").arg("~").arg(MAX_ENTRIES).arg("*");
        command.arg("v").arg(VERSION).arg("e").arg(body);
        let id: String = connection.query("XADD", &command).await?;
        id.parse().map_err(|_| RedisError::Unreadable("XADD"))
    }

    /// What stands behind an entry, or comes to stand there within this time.
    pub(super) async fn read(
        &self,
        connection: &mut Connection,
        after: EntryId,
        wait: Option<Duration>,
    ) -> Result<Batch, RedisError> {
        const UNREADABLE: RedisError = RedisError::Unreadable("XREAD");
        let mut command = redis::cmd("XREAD");
        command.arg("COUNT").arg(BATCH);
        if let Some(wait) = wait {
            command.arg("BLOCK").arg(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        }
        command.arg("STREAMS").arg(&self.stream).arg(after.to_string());
        let reply: Option<redis::streams::StreamReadReply> = connection.query("XREAD", &command).await?;
        let found = reply.into_iter().flat_map(|reply| reply.keys).flat_map(|key| key.ids);
        let entries = found.map(|found| {
            let id = found.id.parse().map_err(|_| UNREADABLE)?;
            Ok(Read { id, version: found.get("v"), body: found.get("e") })
        });
        let entries = entries.collect::<Result<Vec<_>, RedisError>>()?;
        Ok(Batch { is_all: entries.len() < BATCH, entries })
    }

    /// Whether an entry still stands in the stream. Entries are removed from the oldest on: while this one is there,
    /// so is everything behind it.
    pub(super) async fn holds(&self, connection: &mut Connection, entry: EntryId) -> Result<bool, RedisError> {
        let entry = entry.to_string();
        let mut command = redis::cmd("XRANGE");
        command.arg(&self.stream).arg(&entry).arg(&entry);
        let found: Vec<(String, HashMap<String, redis::Value>)> = connection.query("XRANGE", &command).await?;
        Ok(!found.is_empty())
    }
}
