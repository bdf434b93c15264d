//! What replicas can share: the stores of tasks and approvals, revocations, and the key that signs the state of a call.

use std::sync::Arc;

#[cfg(feature = "approvals")]
use crate::approvals::ApprovalStore;
#[cfg(feature = "redis")]
use crate::replication::Replication;
use crate::{error::BuildProblem, operation::RequestStateSigner, server::Server, tasks::TaskStore};

impl Server {
    /// Sets where [tasks](crate::tasks) and their results are stored. Default: in memory, or with `Server::replication` in
    /// Redis.
    ///
    /// ```
    /// # use toolgate::{prelude::*, tasks::MemoryTaskStore};
    /// # pub static SCOPES: Scopes = Scopes::new(&["a:read"]);
    /// # fn main() {
    /// // Each replica has tasks of its own, so clients must return to the same one.
    /// let server = Server::new("company", &SCOPES).task_store(MemoryTaskStore::default());
    /// # let _ = server;
    /// # }
    /// ```
    pub fn task_store(mut self, store: impl TaskStore) -> Self {
        self.task_store = Some(Arc::new(store));
        self
    }

    /// Sets where approvals are stored. Default: the Redis of `Server::replication` if there is one, otherwise the memory
    /// of the process. Replicas need a common store, and a store of your own needs a
    /// [`request_state_key`](Self::request_state_key), with which approvals are signed.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use toolgate::{approvals::{ApprovalStore, ApprovalStoreError as Error}, auth::async_trait, prelude::*};
    /// # pub static SCOPES: Scopes = Scopes::new(&["a:read"]);
    /// # struct Database;
    /// # impl Database {
    /// #     fn new(_url: &str) -> Self {
    /// #         Self
    /// #     }
    /// # }
    /// # #[async_trait]
    /// # impl ApprovalStore for Database {
    /// #     async fn get(&self, _: &str) -> Result<Option<Vec<u8>>, Error> {
    /// #         Ok(None)
    /// #     }
    /// #     async fn replace(&self, _: &str, _: Option<&[u8]>, _: &[u8], _: Duration) -> Result<bool, Error> {
    /// #         Ok(false)
    /// #     }
    /// # }
    /// # fn main() -> Result<(), std::env::VarError> {
    /// // `Database` implements `ApprovalStore`.
    /// let server = Server::new("company", &SCOPES)
    ///     .approval_store(Database::new("postgres://db.example.com/mcp"))
    ///     .request_state_key(std::env::var("STATE_KEY")?);
    /// # let _ = server;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "approvals")]
    pub fn approval_store(mut self, store: impl ApprovalStore) -> Self {
        self.approval_store = Some(Arc::new(store));
        self
    }

    /// Shares revocations with the other replicas of this server through Redis: access that ends on one ends on all.
    /// While Redis does not respond, introspection responses are used for at most 10 seconds, and webhooks are not
    /// acknowledged, so that they are sent again.
    ///
    /// ```
    /// # use toolgate::{prelude::*, replication::Replication};
    /// # pub static SCOPES: Scopes = Scopes::new(&["a:read"]);
    /// # fn main() {
    /// let server = Server::new("company", &SCOPES).replication(Replication::redis("redis://127.0.0.1:6379"));
    /// # let _ = server;
    /// # }
    /// ```
    #[cfg(feature = "redis")]
    pub fn replication(mut self, replication: Replication) -> Self {
        self.replication = Some(replication);
        self
    }

    /// Sets the key that signs `requestState`, the state of a call between two rounds ([`InputRequired::state`]), and
    /// approvals: at least 32 random bytes, the same on every replica. Default: a random key, so that a client must
    /// return to the same process.
    ///
    /// [`InputRequired::state`]: crate::input::InputRequired::state
    pub fn request_state_key(mut self, key: impl Into<Vec<u8>>) -> Self {
        match RequestStateSigner::with_key(key.into()) {
            Ok(signer) => self.signer = Some(signer),
            Err(_) => self.problems.push(BuildProblem::ShortRequestStateKey),
        }
        self
    }
}
