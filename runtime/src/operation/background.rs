//! Calls that continue after the response to their request, as a task.

use std::time::Duration;

use async_trait::async_trait;

use super::ToolError;

/// The task that a call becomes; implemented by `tasks`.
#[async_trait]
pub(crate) trait Background: Send + Sync {
    /// Creates the task, after the guards and before the body. The request is then answered with the task. Does nothing for
    /// a call that is a task already. `conditional_scopes` are those that the arguments required.
    ///
    /// # Errors
    ///
    /// The task cannot be created, so the body must not run.
    async fn begin(&self, conditional_scopes: Vec<&'static str>) -> Result<(), ToolError>;

    /// Returns the time until the task has to end.
    fn remaining_time(&self) -> Duration;

    /// Returns the name of the task in audit records, which does not show its ID.
    fn label(&self) -> &str;
}
