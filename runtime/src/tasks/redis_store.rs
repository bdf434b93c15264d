//! The store of tasks in the Redis of the replicas.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;

use super::{TaskStore, TaskStoreError};
use crate::replication::SealedRecords;

/// [`TaskStore`] in Redis, encrypted.
pub(crate) struct RedisTaskStore(Arc<SealedRecords>);

impl RedisTaskStore {
    pub(crate) fn new(records: Arc<SealedRecords>) -> Self {
        Self(records)
    }
}

#[async_trait]
impl TaskStore for RedisTaskStore {
    fn is_shared(&self) -> bool {
        true
    }

    async fn put(&self, key: &str, record: Vec<u8>, lifetime: Duration) -> Result<(), TaskStoreError> {
        self.0.put(key, &record, lifetime).await.map_err(TaskStoreError::new)
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, TaskStoreError> {
        self.0.get(key).await.map_err(TaskStoreError::new)
    }

    async fn send(
        &self,
        replica: &str,
        key: &str,
        message: Vec<u8>,
        lifetime: Duration,
    ) -> Result<(), TaskStoreError> {
        self.0.send(replica, key, &message, lifetime).await.map_err(TaskStoreError::new)
    }

    async fn receive(&self, replica: &str) -> Result<Vec<Vec<u8>>, TaskStoreError> {
        self.0.receive(replica).await.map_err(TaskStoreError::new)
    }
}

impl fmt::Debug for RedisTaskStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisTaskStore").finish_non_exhaustive()
    }
}
