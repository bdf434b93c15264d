//! Where approvals are stored.

use std::time::Duration;

use async_trait::async_trait;
use thiserror::Error;

/// Store of approvals, which all replicas of a server share: a map from keys to values that expire.
///
/// Values are signed by the server, so that write access to the store does not suffice to approve a call. They are not
/// encrypted: they have the arguments of calls. The server uses an approval once because [`replace`](Self::replace) is
/// atomic.
///
/// ```
/// use std::{collections::HashMap, sync::Mutex, time::Duration};
/// use toolgate::{approvals::{ApprovalStore, ApprovalStoreError}, auth::async_trait};
///
/// /// Store without expiry or a bound, as an example. Another store removes expired values and bounds its size.
/// #[derive(Default)]
/// struct Unbounded(Mutex<HashMap<String, Vec<u8>>>);
///
/// #[async_trait]
/// impl ApprovalStore for Unbounded {
///     async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, ApprovalStoreError> {
///         Ok(self.0.lock().unwrap().get(key).cloned())
///     }
///
///     async fn replace(
///         &self,
///         key: &str,
///         expected: Option<&[u8]>,
///         value: &[u8],
///         _lifetime: Duration,
///     ) -> Result<bool, ApprovalStoreError> {
///         let mut values = self.0.lock().unwrap();
///         if values.get(key).map(Vec::as_slice) != expected {
///             return Ok(false);
///         }
///         values.insert(key.to_owned(), value.to_vec());
///         Ok(true)
///     }
/// }
/// ```
#[async_trait]
pub trait ApprovalStore: Send + Sync + 'static {
    /// Returns the value of a key that has not expired. A key has at most 64 letters, digits, `-`, `_` and `:`, a value
    /// at most 256 KiB.
    ///
    /// # Errors
    ///
    /// The store is not available.
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, ApprovalStoreError>;

    /// Stores a value for a time, if the current value of the key is `expected`; `None` means that there is none.
    /// Returns whether it was stored. Comparing and storing must be atomic for all replicas.
    ///
    /// # Errors
    ///
    /// The store is not available, or full.
    async fn replace(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        value: &[u8],
        lifetime: Duration,
    ) -> Result<bool, ApprovalStoreError>;
}

/// Failure of an [`ApprovalStore`]. The text is for the log and must not contain a value.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct ApprovalStoreError(String);

impl ApprovalStoreError {
    /// Creates an error with this reason.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}
