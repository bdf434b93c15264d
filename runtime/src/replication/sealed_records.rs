//! Encrypted records and queues in Redis, which the replicas share.

use std::{sync::Arc, time::Duration};

use super::{
    encryption::EncryptionKeys,
    redis_client::{RedisClient, RedisError, expiry},
};

/// Maximum number of messages about one topic in a queue. Redis then removes the oldest ones.
const MAX_MESSAGES_PER_TOPIC: isize = 8;
/// Maximum number of topics whose messages are received together.
const MAX_TOPICS: usize = 100;
/// Time limit of a command, for which a request waits.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Records and queues in Redis. Redis can neither read nor forge them, and their keys in Redis do not show their names.
pub(crate) struct SealedRecords {
    redis: Arc<RedisClient>,
    keys: EncryptionKeys,
    prefix: String,
}

/// Failure of a command.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SealedRecordError {
    #[error(transparent)]
    Redis(RedisError),
    #[error("a value in Redis was not encrypted by a replica of this server, or was modified")]
    Invalid,
}

impl SealedRecords {
    pub(super) fn new(redis: Arc<RedisClient>, keys: EncryptionKeys, prefix: &str) -> Self {
        Self { redis, keys, prefix: format!("{prefix}:task") }
    }

    /// Stores a record for a limited time.
    pub(crate) async fn put(&self, name: &str, record: &[u8], lifetime: Duration) -> Result<(), SealedRecordError> {
        let (key, value) = self.seal("record", name, record)?;
        let mut pipeline = redis::pipe();
        pipeline.cmd("SET").arg(key).arg(value).arg("PX").arg(expiry(lifetime)).ignore();
        self.run("SET", &pipeline).await
    }

    /// Returns the record with this name.
    pub(crate) async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, SealedRecordError> {
        let mut pipeline = redis::pipe();
        pipeline.cmd("GET").arg(self.key("record", name));
        let (value,): (Option<Vec<u8>>,) = self.run("GET", &pipeline).await?;
        value.map(|value| self.open(name, &value)).transpose()
    }

    /// Appends a message about a topic to a queue. Keeps the latest messages of each topic, so that one topic can never
    /// displace the messages of another.
    pub(crate) async fn send(
        &self,
        queue: &str,
        topic: &str,
        message: &[u8],
        lifetime: Duration,
    ) -> Result<(), SealedRecordError> {
        let (topics, value) = self.seal("queue", queue, message)?;
        let topic = self.keys.entry_name(&format!("{queue} {topic}"));
        let messages = self.topic_key(topic.as_str());
        let mut pipeline = redis::pipe();
        pipeline.atomic();
        pipeline.cmd("RPUSH").arg(&messages).arg(value).ignore();
        pipeline.cmd("LTRIM").arg(&messages).arg(-MAX_MESSAGES_PER_TOPIC).arg(-1).ignore();
        pipeline.cmd("PEXPIRE").arg(&messages).arg(expiry(lifetime)).ignore();
        pipeline.cmd("SADD").arg(&topics).arg(topic.as_str()).ignore();
        pipeline.cmd("PEXPIRE").arg(&topics).arg(expiry(lifetime)).ignore();
        self.run("RPUSH", &pipeline).await
    }

    /// Removes and returns messages of a queue, those of a topic in their order. Messages of others than the replicas are
    /// ignored.
    pub(crate) async fn receive(&self, queue: &str) -> Result<Vec<Vec<u8>>, SealedRecordError> {
        let key = self.key("queue", queue);
        let mut pipeline = redis::pipe();
        pipeline.cmd("SRANDMEMBER").arg(&key).arg(MAX_TOPICS);
        let (topics,): (Vec<String>,) = self.run("SRANDMEMBER", &pipeline).await?;
        if topics.is_empty() {
            return Ok(Vec::new());
        }
        let mut pipeline = redis::pipe();
        pipeline.atomic();
        for topic in &topics {
            let messages = self.topic_key(topic);
            pipeline.cmd("LRANGE").arg(&messages).arg(0).arg(-1);
            pipeline.cmd("DEL").arg(&messages).ignore();
        }
        pipeline.cmd("SREM").arg(&key).arg(&topics).ignore();
        let values: Vec<Vec<Vec<u8>>> = self.run("LRANGE", &pipeline).await?;
        Ok(values.iter().flatten().filter_map(|value| self.open(queue, value).ok()).collect())
    }

    fn topic_key(&self, topic: &str) -> String {
        format!("{}-messages:{topic}", self.prefix)
    }

    fn key(&self, kind: &str, name: &str) -> String {
        format!("{}-{kind}:{}", self.prefix, self.keys.entry_name(name).as_str())
    }

    fn seal(&self, kind: &str, name: &str, plaintext: &[u8]) -> Result<(String, Vec<u8>), SealedRecordError> {
        let value = self.keys.encrypt(name, &self.keys.entry_name(name), plaintext);
        Ok((self.key(kind, name), value.ok_or(SealedRecordError::Invalid)?))
    }

    fn open(&self, name: &str, value: &[u8]) -> Result<Vec<u8>, SealedRecordError> {
        self.keys.decrypt(name, &self.keys.entry_name(name), value).ok_or(SealedRecordError::Invalid)
    }

    async fn run<T: redis::FromRedisValue>(
        &self,
        command: &'static str,
        pipeline: &redis::Pipeline,
    ) -> Result<T, SealedRecordError> {
        let run = async {
            // An idle connection may have been closed, so the first failure is retried.
            match self.run_once(command, pipeline).await {
                Err(RedisError::Unreachable(_)) => self.run_once(command, pipeline).await,
                result => result,
            }
        };
        let result = tokio::time::timeout(TIMEOUT, run).await.unwrap_or(Err(RedisError::Timeout));
        result.map_err(SealedRecordError::Redis)
    }

    async fn run_once<T: redis::FromRedisValue>(
        &self,
        command: &'static str,
        pipeline: &redis::Pipeline,
    ) -> Result<T, RedisError> {
        let run = async { self.redis.command_connection().await?.pipeline(command, pipeline).await };
        run.await.inspect_err(|error| {
            if !matches!(error, RedisError::Rejected { .. }) {
                self.redis.disconnect();
            }
        })
    }
}
