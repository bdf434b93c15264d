//! Approvals in the Redis that the replicas share.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

use super::{ApprovalStore, ApprovalStoreError};
use crate::replication::{RedisClient, RedisError};

/// Time limit of a command, which includes opening a connection.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Store of a server with replicas.
pub(crate) struct RedisApprovalStore {
    redis: Arc<RedisClient>,
    prefix: String,
}

impl RedisApprovalStore {
    pub(crate) fn new(redis: Arc<RedisClient>) -> Self {
        let prefix = format!("{}:approval:", redis.prefix());
        Self { redis, prefix }
    }

    async fn run<T>(&self, command: impl Future<Output = Result<T, RedisError>>) -> Result<T, ApprovalStoreError> {
        let result = tokio::time::timeout(TIMEOUT, command).await.unwrap_or(Err(RedisError::Timeout));
        result.map_err(|error| {
            // The next command opens a connection.
            self.redis.disconnect();
            ApprovalStoreError::new(error.to_string())
        })
    }
}

#[async_trait]
impl ApprovalStore for RedisApprovalStore {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, ApprovalStoreError> {
        self.run(self.redis.get(&format!("{}{key}", self.prefix))).await
    }

    async fn replace(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        value: &[u8],
        lifetime: Duration,
    ) -> Result<bool, ApprovalStoreError> {
        let key = format!("{}{key}", self.prefix);
        self.run(self.redis.compare_and_set(&key, expected, value, lifetime)).await
    }
}
