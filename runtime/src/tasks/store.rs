//! Where tasks are stored: the interface of a store.

use std::{error::Error, time::Duration};

use async_trait::async_trait;
use thiserror::Error;

/// Store of the [tasks](crate::tasks) of a server, passed to [`Server::task_store`](crate::Server::task_store).
///
/// A store keeps opaque records under keys, each for a limited time. If several replicas share it, it also has a queue of
/// messages for each replica, because a cancellation may arrive at another replica than the one that runs the task.
///
/// A key is a digest, from which the ID of a task cannot be derived. A record contains the result of a tool in plain text:
/// a store that writes to a disk or to another machine must encrypt it.
///
/// ```
/// use std::{collections::HashMap, sync::Mutex, time::Duration};
/// use toolgate::{auth::async_trait, tasks::{TaskStore, TaskStoreError}};
///
/// /// Stores every record until the process ends.
/// #[derive(Default)]
/// struct Forever(Mutex<HashMap<String, Vec<u8>>>);
///
/// #[async_trait]
/// impl TaskStore for Forever {
///     fn is_shared(&self) -> bool {
///         false
///     }
///
///     async fn put(&self, key: &str, record: Vec<u8>, _lifetime: Duration) -> Result<(), TaskStoreError> {
///         self.0.lock().unwrap().insert(key.to_owned(), record);
///         Ok(())
///     }
///
///     async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, TaskStoreError> {
///         Ok(self.0.lock().unwrap().get(key).cloned())
///     }
/// }
/// ```
#[async_trait]
pub trait TaskStore: Send + Sync + 'static {
    /// Returns whether other replicas read the records that this one writes.
    fn is_shared(&self) -> bool;

    /// Stores a record, and replaces the one with the same key. It must be returned until `lifetime` has passed, and
    /// [`get`](Self::get) must not return it afterwards.
    ///
    /// # Errors
    ///
    /// The record was not stored.
    async fn put(&self, key: &str, record: Vec<u8>, lifetime: Duration) -> Result<(), TaskStoreError>;

    /// Returns the record with this key.
    ///
    /// # Errors
    ///
    /// It is unknown whether there is a record.
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, TaskStoreError>;

    /// Appends a message about the task `key` to the queue of a replica. A message that was not received within `lifetime`
    /// may be discarded. A caller can send any number of messages about its own tasks, so a store should keep only the
    /// latest few of each task. Called only if the store [is shared](Self::is_shared).
    ///
    /// # Errors
    ///
    /// The message was not stored.
    async fn send(
        &self,
        replica: &str,
        key: &str,
        message: Vec<u8>,
        lifetime: Duration,
    ) -> Result<(), TaskStoreError> {
        let _ = (replica, key, message, lifetime);
        Err(TaskStoreError::new("the store has no queues"))
    }

    /// Removes and returns messages in the queue of a replica, those about one task in their order. Called only if the
    /// store [is shared](Self::is_shared).
    ///
    /// # Errors
    ///
    /// The messages could not be read.
    async fn receive(&self, replica: &str) -> Result<Vec<Vec<u8>>, TaskStoreError> {
        let _ = replica;
        Ok(Vec::new())
    }
}

/// A [`TaskStore`] failed. Clients get an error without the cause, which the log has.
#[derive(Debug, Error)]
#[error("the store of tasks failed")]
pub struct TaskStoreError(#[source] Box<dyn Error + Send + Sync>);

impl TaskStoreError {
    /// Creates an error with its cause, an error or a text.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}
