//! The store of tasks in the memory of the process.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use tokio::time::Instant;

use super::{TaskStore, TaskStoreError};

/// Time between two removals of all expired records.
const SWEEP_INTERVAL: Duration = Duration::from_secs(10);

/// [`TaskStore`] in the memory of one process, which is the default. A restart ends all tasks and discards their results.
#[derive(Default)]
pub struct MemoryTaskStore(Mutex<Records>);

#[derive(Default)]
struct Records {
    by_key: HashMap<String, (Vec<u8>, Instant)>,
    swept_at: Option<Instant>,
}

impl MemoryTaskStore {
    fn records(&self) -> MutexGuard<'_, Records> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl TaskStore for MemoryTaskStore {
    fn is_shared(&self) -> bool {
        false
    }

    async fn put(&self, key: &str, record: Vec<u8>, lifetime: Duration) -> Result<(), TaskStoreError> {
        let now = Instant::now();
        let mut records = self.records();
        if records.swept_at.is_none_or(|at| now.duration_since(at) >= SWEEP_INTERVAL) {
            records.by_key.retain(|_, (_, expires_at)| *expires_at > now);
            records.swept_at = Some(now);
        }
        records.by_key.insert(key.to_owned(), (record, now + lifetime));
        Ok(())
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, TaskStoreError> {
        let records = self.records();
        let record = records.by_key.get(key).filter(|(_, expires_at)| *expires_at > Instant::now());
        Ok(record.map(|(record, _)| record.clone()))
    }
}

/// Omits the records.
impl fmt::Debug for MemoryTaskStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryTaskStore").field("records", &self.records().by_key.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_record_is_returned_until_its_lifetime_has_passed_and_is_freed_later() {
        let store = MemoryTaskStore::default();
        store.put("a", b"1".to_vec(), Duration::from_secs(5)).await.unwrap();
        assert_eq!(store.get("a").await.unwrap().as_deref(), Some(b"1".as_slice()));
        store.put("a", b"2".to_vec(), Duration::from_secs(5)).await.unwrap();
        tokio::time::advance(Duration::from_millis(4999)).await;
        assert_eq!(store.get("a").await.unwrap().as_deref(), Some(b"2".as_slice()));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(store.get("a").await.unwrap(), None);
        tokio::time::advance(SWEEP_INTERVAL).await;
        store.put("b", Vec::new(), Duration::from_secs(5)).await.unwrap();
        assert_eq!(store.records().by_key.len(), 1);
    }
}
