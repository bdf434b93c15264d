//! Approvals in the memory of one process.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use tokio::time::Instant;

use super::{ApprovalStore, ApprovalStoreError};

/// Maximum size of all keys and values, in bytes.
const MAX_BYTES: usize = 64 * 1024 * 1024;
/// Bytes that count for an entry in addition to its key and value.
const ENTRY_BYTES: usize = 256;

/// Store of a server without replicas. Approvals are lost when the process ends.
#[derive(Default)]
pub(crate) struct MemoryApprovalStore(Mutex<State>);

#[derive(Default)]
struct State {
    entries: HashMap<String, Entry>,
    bytes: usize,
    /// The earliest time at which an entry may have expired.
    next_expiry: Option<Instant>,
}

struct Entry {
    value: Vec<u8>,
    expires_at: Instant,
}

#[async_trait]
impl ApprovalStore for MemoryApprovalStore {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, ApprovalStoreError> {
        Ok(self.lock().current(key).map(<[u8]>::to_vec))
    }

    async fn replace(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        value: &[u8],
        lifetime: Duration,
    ) -> Result<bool, ApprovalStoreError> {
        let mut state = self.lock();
        state.remove_expired();
        if state.current(key) != expected {
            return Ok(false);
        }
        state.insert(key, value, lifetime)?;
        Ok(true)
    }
}

impl MemoryApprovalStore {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn current(&self, key: &str) -> Option<&[u8]> {
        let entry = self.entries.get(key).filter(|entry| entry.expires_at > Instant::now())?;
        Some(&entry.value)
    }

    fn insert(&mut self, key: &str, value: &[u8], lifetime: Duration) -> Result<(), ApprovalStoreError> {
        let replaced = self.entries.get(key).map_or(0, |entry| size(key, &entry.value));
        let bytes = self.bytes - replaced + size(key, value);
        if bytes > MAX_BYTES {
            return Err(ApprovalStoreError::new(format!("approvals take {MAX_BYTES} bytes, which is the maximum")));
        }
        let expires_at = Instant::now() + lifetime;
        self.entries.insert(key.to_owned(), Entry { value: value.to_vec(), expires_at });
        self.bytes = bytes;
        self.next_expiry = Some(self.next_expiry.map_or(expires_at, |next| next.min(expires_at)));
        Ok(())
    }

    fn remove_expired(&mut self) {
        let now = Instant::now();
        if self.next_expiry.is_none_or(|next| next > now) {
            return;
        }
        self.entries.retain(|_, entry| entry.expires_at > now);
        self.bytes = self.entries.iter().map(|(key, entry)| size(key, &entry.value)).sum();
        self.next_expiry = self.entries.values().map(|entry| entry.expires_at).min();
    }
}

fn size(key: &str, value: &[u8]) -> usize {
    key.len() + value.len() + ENTRY_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFETIME: Duration = Duration::from_mins(1);

    #[tokio::test(start_paused = true)]
    async fn a_value_is_replaced_only_if_it_is_the_expected_one_and_until_it_expires() {
        let store = MemoryApprovalStore::default();
        assert!(!store.replace("a", Some(b"0"), b"1", LIFETIME).await.unwrap());
        assert!(store.replace("a", None, b"1", LIFETIME).await.unwrap());
        assert!(!store.replace("a", None, b"2", LIFETIME).await.unwrap());
        assert!(store.replace("a", Some(b"1"), b"2", LIFETIME).await.unwrap());
        assert_eq!(store.get("a").await.unwrap().as_deref(), Some(&b"2"[..]));
        tokio::time::advance(LIFETIME).await;
        assert_eq!(store.get("a").await.unwrap(), None);
        assert!(!store.replace("a", Some(b"2"), b"3", LIFETIME).await.unwrap());
        assert_eq!(store.lock().bytes, 0, "what has expired takes no memory");
    }

    #[tokio::test]
    async fn values_take_bounded_memory() {
        let store = MemoryApprovalStore::default();
        let value = vec![0; MAX_BYTES / 4];
        for key in ["a", "b", "c"] {
            assert!(store.replace(key, None, &value, LIFETIME).await.unwrap());
        }
        assert!(store.replace("d", None, &value, LIFETIME).await.is_err());
        assert!(store.replace("a", Some(&value), b"small", LIFETIME).await.unwrap());
        assert!(store.replace("d", None, &value, LIFETIME).await.unwrap());
    }
}
