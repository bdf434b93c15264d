//! The place of a task among the running ones.

use std::sync::Arc;

use super::{owner::Payer, running::RunningTask, tasks::Tasks, usage::TaskLimit};
use crate::{auth::Caller, metrics, operation::ToolError};

/// Place of a running task, which is free again when this value is dropped.
pub(super) struct Slot {
    tasks: Arc<Tasks>,
    task: Arc<RunningTask>,
    payer: Payer,
}

impl Slot {
    /// Takes a place, so that the task is found by its ID.
    ///
    /// # Errors
    ///
    /// A limit is reached, or the server shuts down.
    pub(super) fn take(tasks: &Arc<Tasks>, task: &Arc<RunningTask>, caller: &Caller) -> Result<Self, ToolError> {
        if tasks.is_shutting_down() {
            return Err(ToolError::too_many_tasks("the server is shutting down: call the tool again in a moment"));
        }
        let payer = Payer::of(caller);
        tasks.usage().begin(payer, tasks.limits()).map_err(|limit| {
            ToolError::too_many_tasks(match limit {
                TaskLimit::Server => {
                    tracing::warn!("a task was rejected: `tasks.max_tasks` is reached");
                    "the server runs as many tasks as it can: try again when one of them has ended".to_owned()
                }
                TaskLimit::Stored => {
                    tracing::warn!("a task was rejected: `tasks.max_stored_bytes` is reached");
                    "too many results of tasks are stored: try again when some have expired".to_owned()
                }
                TaskLimit::Caller(maximum) => format!(
                    "{maximum} of your tasks are running, which is the maximum: wait until one of them has ended, or \
                     cancel one"
                ),
            })
        })?;
        tasks.running().insert(task.key.clone(), Arc::clone(task));
        metrics::TASKS_RUNNING.increment();
        Ok(Self { tasks: Arc::clone(tasks), task: Arc::clone(task), payer })
    }

    pub(super) fn payer(&self) -> Payer {
        self.payer
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.tasks.usage().end(self.payer);
        self.tasks.running().remove(&self.task.key);
        metrics::TASKS_RUNNING.decrement();
    }
}
