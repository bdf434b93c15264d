//! Record of a task, as the store has it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rmcp::model::{DetailedTask, ErrorData, InputRequests, JsonObject, Task, TaskPayload};
use serde::{Deserialize, Serialize};

use super::{TaskStoreError, owner::TaskOwner, task_id::TaskId};
use crate::duration::millis;

/// Time between two polls that clients are asked to keep.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// A task without its ID, serialized as JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TaskRecord {
    pub(super) owner: TaskOwner,
    pub(super) tool: String,
    /// Scopes that the arguments of the call required.
    pub(super) conditional_scopes: Vec<String>,
    /// Replica that runs the task.
    pub(super) replica: String,
    created_at: Timestamp,
    updated_at: Timestamp,
    /// Time after `created_at` at which the task expires.
    ttl: Duration,
    pub(super) message: Option<String>,
    state: TaskState,
}

/// Status of a task and what belongs to it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum TaskState {
    Working,
    InputRequired(InputRequests),
    Completed(JsonObject),
    Failed(ErrorData),
    Cancelled,
}

/// Milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(transparent)]
struct Timestamp(u64);

impl Timestamp {
    fn now() -> Self {
        Self(millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()))
    }

    /// Formats the time as RFC 3339 has it.
    fn text(self) -> String {
        // Later times, which only a forged record has, cannot be formatted.
        const MAX: u64 = 253_402_300_799_999;
        humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(self.0.min(MAX))).to_string()
    }
}

impl TaskRecord {
    /// Creates the record of a new task that expires after `ttl`.
    pub(super) fn new(owner: TaskOwner, tool: String, replica: String, ttl: Duration) -> Self {
        let now = Timestamp::now();
        Self {
            owner,
            tool,
            conditional_scopes: Vec::new(),
            replica,
            created_at: now,
            updated_at: now,
            ttl,
            message: None,
            state: TaskState::Working,
        }
    }

    /// Reads a record of the store.
    ///
    /// # Errors
    ///
    /// Another version of toolgate, or another program, has written it.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, TaskStoreError> {
        serde_json::from_slice(bytes).map_err(|_| TaskStoreError::new("a record of the store is invalid"))
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a record can be serialized")
    }

    pub(super) fn touch(&mut self) {
        self.updated_at = Timestamp::now();
    }

    pub(super) fn set_state(&mut self, state: TaskState) {
        self.state = state;
    }

    /// Ends the task, whose result is stored for the time `ttl`.
    pub(super) fn finish(&mut self, state: TaskState, ttl: Duration) {
        self.touch();
        self.state = state;
        self.ttl = Duration::from_millis(self.updated_at.0.saturating_sub(self.created_at.0)) + ttl;
    }

    pub(super) fn is_terminal(&self) -> bool {
        !matches!(self.state, TaskState::Working | TaskState::InputRequired(_))
    }

    /// Returns the task as `tasks/get` shows it.
    pub(super) fn into_detailed(self, id: &TaskId) -> DetailedTask {
        let task = self.task(id);
        let payload = match self.state {
            TaskState::Working => TaskPayload::Working,
            TaskState::InputRequired(input_requests) => TaskPayload::InputRequired { input_requests },
            TaskState::Completed(result) => TaskPayload::Completed { result },
            TaskState::Failed(error) => TaskPayload::Failed { error: object(&error) },
            TaskState::Cancelled => TaskPayload::Cancelled,
        };
        DetailedTask::new(task, payload)
    }

    /// Returns the new task as `tools/call` shows it.
    pub(super) fn task(&self, id: &TaskId) -> Task {
        let mut task = Task::new(id.as_str(), <_>::default(), self.created_at.text(), self.updated_at.text())
            .with_ttl_ms(millis(self.ttl))
            .with_poll_interval_ms(millis(POLL_INTERVAL));
        task.status_message.clone_from(&self.message);
        task
    }
}

/// Returns a value that serializes as an object.
pub(super) fn object(value: &impl Serialize) -> JsonObject {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::Object(object)) => object,
        _ => JsonObject::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rmcp::model::{ErrorCode, TaskStatus};
    use serde_json::json;

    use super::*;
    use crate::auth::{Caller, Claims};

    fn record() -> TaskRecord {
        let owner = TaskOwner::of(&Caller::new(&Claims::new().subject("sam"), Arc::default()));
        TaskRecord::new(owner, "report".to_owned(), "replica".to_owned(), Duration::from_secs(90))
    }

    #[test]
    fn a_decoded_record_shows_the_original_task() {
        let id = TaskId::random();
        let result = object(&json!({ "content": [], "isError": true }));
        let error = ErrorData::new(ErrorCode(-32010), "report needs a:b", Some(json!({ "missing": ["a:b"] })));
        for state in
            [TaskState::Working, TaskState::Completed(result), TaskState::Failed(error), TaskState::Cancelled]
        {
            let mut record = record();
            record.message = Some("half done".to_owned());
            record.set_state(state);
            let decoded = TaskRecord::decode(&record.encode()).unwrap();
            assert_eq!(decoded.into_detailed(&id), record.into_detailed(&id));
        }
        assert!(TaskRecord::decode(b"{}").is_err());
    }

    #[test]
    fn the_ttl_of_a_finished_task_counts_from_its_end() {
        let mut record = record();
        let created = record.task(&TaskId::random());
        assert_eq!((created.status, created.ttl_ms), (TaskStatus::Working, Some(90_000)));
        record.created_at = Timestamp(record.created_at.0 - 30_000);
        record.finish(TaskState::Cancelled, Duration::from_secs(5));
        let ttl = record.into_detailed(&TaskId::random()).task.ttl_ms.unwrap();
        assert!((35_000..36_000).contains(&ttl), "{ttl}");
    }
}
