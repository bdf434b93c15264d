//! Spawning tasks.

use std::future::Future;

use futures_util::future::BoxFuture;
use tokio::task::JoinHandle;

/// Spawns a task. tokio's generic code, which is a hundred functions for each type of a future, is compiled once for all
/// tasks.
pub(crate) fn spawn(task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    let task: BoxFuture<'static, ()> = Box::pin(task);
    tokio::spawn(task)
}
