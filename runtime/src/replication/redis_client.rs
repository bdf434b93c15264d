//! Redis client: connections, and the commands for the stream of revocations.

use std::{collections::HashMap, sync::Arc, time::Duration};

use redis::{AsyncConnectionConfig, Cmd, FromRedisValue, Pipeline, aio::MultiplexedConnection};
use thiserror::Error;
use tokio::sync::Mutex;

use super::stream_entry::{Entry, EntryId, VERSION};
use crate::{
    duration::millis,
    traces::{self, ClientSpan},
};

/// Approximate maximum length of the stream. Redis then removes the oldest entries.
pub(super) const MAX_STREAM_ENTRIES: usize = 100_000;
/// Maximum number of entries in a batch.
const MAX_BATCH_ENTRIES: usize = 512;
/// Time limit for opening a connection, and for the response to a command.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(1);
/// Beginning of the text of an error about a command that the server does not have.
const UNKNOWN_COMMAND: &str = "unknown command";
/// Maximum length of the reason in an error, in characters.
const MAX_REASON_CHARS: usize = 300;

/// Script that compares the value of a key, or its absence, and sets it. Redis runs a script atomically.
#[cfg(feature = "approvals")]
const COMPARE_AND_SET: &str = "
local current = redis.call('GET', KEYS[1])
if (ARGV[1] == '1' and current == ARGV[2]) or (ARGV[1] == '0' and not current) then
    redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
    return 1
end
return 0
";

/// Failure of a Redis command. The text contains nothing that was sent to Redis.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum RedisError {
    #[error("Redis cannot be reached: {0}")]
    Unreachable(String),
    #[error("Redis did not respond in time")]
    Timeout,
    #[error("Redis rejected {command} ({code})")]
    Rejected { command: &'static str, code: String },
    #[error("the response of Redis to {0} is invalid")]
    InvalidResponse(&'static str),
    #[error("the connection is to a different Redis server than the one that the stream is read from")]
    DifferentServer,
}

impl RedisError {
    fn classify(command: &'static str, error: &redis::RedisError) -> Self {
        if error.is_timeout() {
            Self::Timeout
        } else if error.detail().is_some_and(|detail| detail.starts_with(UNKNOWN_COMMAND)) {
            // Disabled, or not supported by this server. The code is `ERR`, as for invalid arguments.
            Self::Rejected { command, code: UNKNOWN_COMMAND.to_owned() }
        } else if let Some(code) = error.code() {
            Self::Rejected { command, code: code.chars().take(32).collect() }
        } else if error.is_io_error() || error.is_connection_dropped() || error.is_unrecoverable_error() {
            // The text of an I/O error is from the operating system or from TLS. Other texts may be from the server,
            // which may repeat what was sent.
            let reason = if error.is_io_error() { error.to_string() } else { error.category().to_owned() };
            Self::Unreachable(reason.chars().take(MAX_REASON_CHARS).collect())
        } else {
            Self::Rejected { command, code: error.category().to_owned() }
        }
    }
}

/// Connection to Redis, with the run ID of the server.
#[derive(Clone)]
pub(super) struct Connection {
    connection: MultiplexedConnection,
    /// ID that changes with every restart and differs between servers. Entries of one run may be missing in another.
    pub(super) run_id: Arc<str>,
}

impl Connection {
    pub(super) async fn query<T: FromRedisValue>(
        &mut self,
        name: &'static str,
        command: &Cmd,
    ) -> Result<T, RedisError> {
        let span = ClientSpan::redis(name);
        let result = span.run(command.query_async(&mut self.connection)).await;
        result.inspect_err(|_| span.failed("redis_error")).map_err(|error| RedisError::classify(name, &error))
    }

    /// Runs a script by its hash. Redis receives the script itself only if it does not have it.
    #[cfg(any(feature = "approvals", feature = "rates"))]
    pub(super) async fn run_script<T: FromRedisValue>(
        &mut self,
        invocation: &redis::ScriptInvocation<'_>,
    ) -> Result<T, RedisError> {
        const NAME: &str = "EVALSHA";
        let span = ClientSpan::redis(NAME);
        let result = span.run(invocation.invoke_async(&mut self.connection)).await;
        result.inspect_err(|_| span.failed("redis_error")).map_err(|error| RedisError::classify(NAME, &error))
    }

    pub(super) async fn pipeline<T: FromRedisValue>(
        &mut self,
        name: &'static str,
        pipeline: &Pipeline,
    ) -> Result<T, RedisError> {
        let span = ClientSpan::redis(name);
        let result = span.run(pipeline.query_async(&mut self.connection)).await;
        result.inspect_err(|_| span.failed("redis_error")).map_err(|error| RedisError::classify(name, &error))
    }
}

/// Entry of the stream, for [`Entry::parse`].
pub(super) struct UnparsedEntry {
    pub(super) id: EntryId,
    pub(super) version: Option<String>,
    pub(super) body: Option<String>,
    /// Trace context (W3C) of the request that revoked, if the replica exports traces. It changes nothing.
    pub(super) traceparent: Option<String>,
}

/// Result of one read of the stream.
pub(super) struct Batch {
    pub(super) entries: Vec<UnparsedEntry>,
    /// Whether the batch extends to the end of the stream.
    pub(super) is_complete: bool,
}

/// Redis client for the replicas of one server.
pub(crate) struct RedisClient {
    client: redis::Client,
    #[cfg(feature = "approvals")]
    prefix: String,
    #[cfg(feature = "approvals")]
    compare_and_set: redis::Script,
    stream: String,
    /// Connection for all commands except blocking reads.
    command_connection: Mutex<Option<Connection>>,
}

impl RedisClient {
    pub(super) fn new(client: redis::Client, prefix: &str) -> Self {
        let stream = format!("{prefix}:revocations");
        Self {
            client,
            #[cfg(feature = "approvals")]
            prefix: prefix.to_owned(),
            #[cfg(feature = "approvals")]
            compare_and_set: redis::Script::new(COMPARE_AND_SET),
            stream,
            command_connection: Mutex::default(),
        }
    }

    /// Opens a connection whose commands time out after `response_timeout`.
    pub(super) async fn connect(&self, response_timeout: Duration) -> Result<Connection, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(COMMAND_TIMEOUT))
            .set_response_timeout(Some(response_timeout));
        let connect = self.client.get_multiplexed_async_connection_with_config(&config);
        // The connection timeout does not include name resolution.
        let connection = match tokio::time::timeout(2 * COMMAND_TIMEOUT, connect).await {
            Err(_) => return Err(RedisError::Timeout),
            Ok(Err(error)) => return Err(RedisError::classify("the connection", &error)),
            Ok(Ok(connection)) => connection,
        };
        let mut connection = Connection { connection, run_id: "".into() };
        let info: String = connection.query("INFO", redis::cmd("INFO").arg("server")).await?;
        let run_id = info.lines().find_map(|line| line.strip_prefix("run_id:")).map(str::trim);
        connection.run_id = run_id.filter(|id| !id.is_empty()).ok_or(RedisError::InvalidResponse("INFO"))?.into();
        Ok(connection)
    }

    /// Returns the connection for commands, and opens it if there is none.
    pub(super) async fn command_connection(&self) -> Result<Connection, RedisError> {
        let mut command_connection = self.command_connection.lock().await;
        if let Some(connection) = &*command_connection {
            return Ok(connection.clone());
        }
        let connection = self.connect(COMMAND_TIMEOUT).await?;
        Ok(command_connection.insert(connection).clone())
    }

    /// Closes the connection for commands, so that the next command opens a new one. Does nothing while one is being
    /// opened.
    pub(crate) fn disconnect(&self) {
        if let Ok(mut command_connection) = self.command_connection.try_lock() {
            *command_connection = None;
        }
    }

    /// Returns the prefix of all keys.
    #[cfg(feature = "approvals")]
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Returns the value of a key.
    #[cfg(feature = "approvals")]
    pub(crate) async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, RedisError> {
        let mut connection = self.command_connection().await?;
        connection.query("GET", redis::cmd("GET").arg(key)).await
    }

    /// Sets the value of a key for a time, if its current value is `expected`. Returns whether it did.
    #[cfg(feature = "approvals")]
    pub(crate) async fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        value: &[u8],
        lifetime: Duration,
    ) -> Result<bool, RedisError> {
        let mut connection = self.command_connection().await?;
        let mut invocation = self.compare_and_set.key(key);
        invocation.arg(u8::from(expected.is_some())).arg(expected.unwrap_or_default()).arg(value);
        connection.run_script(invocation.arg(expiry(lifetime))).await
    }

    /// Appends an entry to the stream.
    pub(super) async fn append(&self, connection: &mut Connection, entry: &Entry) -> Result<EntryId, RedisError> {
        let body = serde_json::to_string(entry).expect("an entry can be serialized");
        let mut command = redis::cmd("XADD");
        command.arg(&self.stream).arg("MAXLEN").arg("~").arg(MAX_STREAM_ENTRIES).arg("*");
        command.arg("v").arg(VERSION).arg("e").arg(body);
        if let Some(traceparent) = traces::traceparent() {
            command.arg("traceparent").arg(traceparent);
        }
        let id: String = connection.query("XADD", &command).await?;
        id.parse().map_err(|_| RedisError::InvalidResponse("XADD"))
    }

    /// Reads the entries after `after`. If there are none, waits for one for the time `block`.
    pub(super) async fn read(
        &self,
        connection: &mut Connection,
        after: EntryId,
        block: Option<Duration>,
    ) -> Result<Batch, RedisError> {
        const INVALID_RESPONSE: RedisError = RedisError::InvalidResponse("XREAD");
        let mut command = redis::cmd("XREAD");
        command.arg("COUNT").arg(MAX_BATCH_ENTRIES);
        if let Some(block) = block {
            command.arg("BLOCK").arg(millis(block));
        }
        command.arg("STREAMS").arg(&self.stream).arg(after.to_string());
        let reply: Option<redis::streams::StreamReadReply> = connection.query("XREAD", &command).await?;
        let entries = reply.into_iter().flat_map(|reply| reply.keys).flat_map(|key| key.ids).map(|entry| {
            let id = entry.id.parse().map_err(|_| INVALID_RESPONSE)?;
            let [version, body, traceparent] = ["v", "e", "traceparent"].map(|field| entry.get(field));
            Ok(UnparsedEntry { id, version, body, traceparent })
        });
        let entries = entries.collect::<Result<Vec<_>, RedisError>>()?;
        Ok(Batch { is_complete: entries.len() < MAX_BATCH_ENTRIES, entries })
    }

    /// Returns whether the stream contains an entry. Redis removes the oldest entries first, so a stream that
    /// contains an entry also contains all later ones.
    pub(super) async fn contains(&self, connection: &mut Connection, entry: EntryId) -> Result<bool, RedisError> {
        let entry = entry.to_string();
        let mut command = redis::cmd("XRANGE");
        command.arg(&self.stream).arg(&entry).arg(&entry);
        let entries: Vec<(String, HashMap<String, redis::Value>)> = connection.query("XRANGE", &command).await?;
        Ok(!entries.is_empty())
    }
}

/// Returns the time to live of a key in milliseconds. Redis rejects 0.
pub(super) fn expiry(lifetime: Duration) -> u64 {
    millis(lifetime).max(1)
}
