//! Settings of tasks.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::check_minimum;
use crate::{error::BuildProblem, tasks::TaskLimits};

/// Settings of [tasks](crate::tasks): the calls of `#[tool(task)]` that continue after their response. The limits hold for
/// each replica.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct TasksConfig {
    /// Maximum number of tasks that run or wait for input. A call beyond it gets a result with `isError`. Default: 256.
    pub max_tasks: usize,
    /// Maximum number of tasks of one caller that run or wait for input. A user in an organization is one caller, with any
    /// number of tokens and clients. Default: 8.
    pub max_tasks_per_caller: usize,
    /// Time limit of the tasks of tools that declare no `timeout`. It includes the time that a task waits for input.
    /// Default: 1 hour.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    /// Time for which the result of a task is stored after its end. Default: 1 hour.
    #[serde(with = "humantime_serde")]
    pub ttl: Duration,
    /// Maximum size of the stored results, in bytes; at least 65536. One caller takes at most a quarter. The task whose
    /// result exceeds it gets a result with `isError` instead. Default: 256 MiB.
    pub max_stored_bytes: usize,
}

impl Default for TasksConfig {
    fn default() -> Self {
        Self {
            max_tasks: 256,
            max_tasks_per_caller: 8,
            timeout: Duration::from_hours(1),
            ttl: Duration::from_hours(1),
            max_stored_bytes: 256 * 1024 * 1024,
        }
    }
}

impl TasksConfig {
    pub(super) fn problems(&self) -> impl Iterator<Item = BuildProblem> {
        let durations = [("tasks.timeout", self.timeout), ("tasks.ttl", self.ttl)];
        let zero = durations.into_iter().filter(|(_, duration)| duration.is_zero());
        [
            check_minimum("tasks.max_tasks", self.max_tasks, 1),
            check_minimum("tasks.max_tasks_per_caller", self.max_tasks_per_caller, 1),
            check_minimum("tasks.max_stored_bytes", self.max_stored_bytes, 64 * 1024),
        ]
        .into_iter()
        .flatten()
        .chain(zero.map(|(setting, _)| BuildProblem::ZeroDuration(setting)))
    }

    pub(crate) fn limits(&self) -> TaskLimits {
        TaskLimits {
            max_tasks: self.max_tasks,
            max_tasks_per_caller: self.max_tasks_per_caller,
            ttl: self.ttl,
            timeout: self.timeout,
            max_stored_bytes: self.max_stored_bytes,
        }
    }
}
