//! A task that this replica runs.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use rmcp::model::{ErrorData, InputRequest, InputRequests, InputRequiredResult, InputResponses};
use serde_json::Value;
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;

use super::{
    record::{TaskRecord, TaskState},
    task_id::{TaskId, TaskKey},
};
use crate::operation::InputRound;

/// Maximum length of a status message, in characters.
const MAX_MESSAGE_CHARS: usize = 1000;

/// A task in progress, shared by the call that runs and the requests about it.
pub(super) struct RunningTask {
    pub(super) id: TaskId,
    pub(super) key: TaskKey,
    live: Mutex<Live>,
    /// Cancelled when the task has to end.
    cancellation: CancellationToken,
    ending: OnceLock<Ending>,
    /// Notified when the record changes.
    pub(super) changed: Notify,
}

struct Live {
    record: TaskRecord,
    /// Requests for input that have no response, by their keys.
    pending: BTreeMap<String, (InputRequest, oneshot::Sender<Value>)>,
    /// Keys that were used, because they are unique over the life of a task (SEP-2663).
    used: HashSet<String>,
}

/// Why a task ends before its tool does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// `tasks/cancel`.
    Cancelled,
    /// A revocation of the caller.
    Revoked,
    /// The server shuts down.
    ShutDown,
}

impl Ending {
    /// Returns the state of a task that ended for this reason, and its status message.
    pub(super) fn state(self) -> (TaskState, Option<String>) {
        match self {
            Self::Cancelled => (TaskState::Cancelled, None),
            Self::Revoked => {
                let message = "the access of the caller changed while the task ran: call the tool again";
                (TaskState::Cancelled, Some(message.to_owned()))
            }
            Self::ShutDown => {
                let message = "the server was shut down before the task ended: call the tool again";
                (TaskState::Failed(ErrorData::internal_error(message, None)), None)
            }
        }
    }
}

impl RunningTask {
    pub(super) fn new(record: TaskRecord) -> Self {
        let id = TaskId::random();
        Self {
            key: id.key(),
            id,
            live: Mutex::new(Live { record, pending: BTreeMap::new(), used: HashSet::new() }),
            cancellation: CancellationToken::new(),
            ending: OnceLock::new(),
            changed: Notify::new(),
        }
    }

    fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the task. Only the first reason counts.
    pub(super) fn end(&self, ending: Ending) {
        let _ = self.ending.set(ending);
        self.cancellation.cancel();
    }

    pub(super) fn ending(&self) -> Option<Ending> {
        self.ending.get().copied()
    }

    pub(super) fn cancellation(&self) -> &CancellationToken {
        &self.cancellation
    }

    /// Returns the current record.
    pub(super) fn record(&self) -> TaskRecord {
        let live = self.live();
        let mut record = live.record.clone();
        if !record.is_terminal() && !live.pending.is_empty() {
            let requests = live.pending.iter().map(|(key, (request, _))| (key.clone(), request.clone()));
            record.set_state(TaskState::InputRequired(requests.collect()));
        }
        record
    }

    pub(super) fn set_conditional_scopes(&self, scopes: &[&'static str]) {
        self.live().record.conditional_scopes = scopes.iter().map(|&scope| scope.to_owned()).collect();
    }

    /// Replaces the status message.
    pub(super) fn set_message(&self, message: &str) {
        {
            let mut live = self.live();
            live.record.message = Some(message.chars().take(MAX_MESSAGE_CHARS).collect());
            live.record.touch();
        }
        self.changed.notify_one();
    }

    /// Stores the final state and returns the record.
    pub(super) fn finish(&self, state: TaskState, message: Option<String>, ttl: Duration) -> TaskRecord {
        let mut live = self.live();
        live.pending.clear();
        live.record.finish(state, ttl);
        if message.is_some() {
            live.record.message = message;
        }
        live.record.clone()
    }

    /// Shows a request for input until it has a response. The key gets a number if it was used before.
    pub(super) fn ask(self: &Arc<Self>, key: &str, request: InputRequest) -> Question {
        let (sender, response) = oneshot::channel();
        let key = {
            let mut live = self.live();
            let numbered = (2..).map(|number| format!("{key}-{number}"));
            let mut keys = std::iter::once(key.to_owned()).chain(numbered);
            let key = keys.find(|key| !live.used.contains(key)).unwrap_or_default();
            live.used.insert(key.clone());
            live.pending.insert(key.clone(), (request, sender));
            live.record.touch();
            key
        };
        self.changed.notify_one();
        Question { task: Arc::clone(self), key, response }
    }

    /// Passes responses on to those who asked. Responses to other keys, and those of another kind than the request, are
    /// ignored, so that the task continues to ask.
    pub(super) fn answer(&self, responses: InputResponses) {
        {
            let mut live = self.live();
            let requests: InputRequests =
                live.pending.iter().map(|(key, (request, _))| (key.clone(), request.clone())).collect();
            let asked = InputRound::of(&InputRequiredResult::from_input_requests(requests));
            for (key, response) in asked.accept(responses).0 {
                if let Some((_, sender)) = live.pending.remove(&key) {
                    // An error means that the tool does not wait any more.
                    let _ = sender.send(response);
                }
            }
            live.record.touch();
        }
        self.changed.notify_one();
    }
}

/// A request for input that waits for its response. It is withdrawn when this value is dropped.
pub(super) struct Question {
    task: Arc<RunningTask>,
    key: String,
    response: oneshot::Receiver<Value>,
}

impl Question {
    /// Waits for the response. `None` if the task ends.
    pub(super) async fn response(mut self) -> Option<Value> {
        let ended = self.task.cancellation.clone();
        tokio::select! {
            biased;
            response = &mut self.response => response.ok(),
            () = ended.cancelled() => None,
        }
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        let was_pending = self.task.live().pending.remove(&self.key).is_some();
        if was_pending {
            self.task.changed.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use rmcp::model::{DetailedTask, TaskPayload, TaskStatus};
    use serde_json::json;

    use super::*;
    use crate::{
        auth::{Caller, Claims},
        operation::{Confirm, form},
        tasks::owner::TaskOwner,
    };

    fn task() -> Arc<RunningTask> {
        let owner = TaskOwner::of(&Caller::new(&Claims::new().subject("sam"), Arc::default()));
        let record = TaskRecord::new(owner, "report".to_owned(), "replica".to_owned(), Duration::from_secs(90));
        Arc::new(RunningTask::new(record))
    }

    fn shown(task: &RunningTask) -> DetailedTask {
        task.record().into_detailed(&task.id)
    }

    fn confirmation() -> InputRequest {
        form::<Confirm>("Sure?").unwrap()
    }

    fn keys(task: &RunningTask) -> Vec<String> {
        match shown(task).payload {
            TaskPayload::InputRequired { input_requests } => input_requests.into_keys().collect(),
            _ => Vec::new(),
        }
    }

    #[tokio::test]
    async fn keys_of_input_are_unique_over_the_life_of_a_task() {
        let task = task();
        for expected in ["confirm", "confirm-2", "confirm-3"] {
            let question = task.ask("confirm", confirmation());
            assert_eq!(keys(&task), [expected]);
            let accepted = json!({ "action": "accept" });
            task.answer(InputResponses::from([(expected.to_owned(), accepted.clone())]));
            assert_eq!(question.response().await, Some(accepted));
            assert_eq!(shown(&task).status(), TaskStatus::Working);
        }
    }

    #[tokio::test]
    async fn responses_to_other_keys_or_of_another_kind_are_ignored() {
        let task = task();
        let question = task.ask("confirm", confirmation());
        task.answer(InputResponses::from([("other".to_owned(), json!({ "action": "accept" }))]));
        task.answer(InputResponses::from([("confirm".to_owned(), json!({ "roots": [] }))]));
        assert_eq!(keys(&task), ["confirm"]);
        drop(question);
        assert_eq!(shown(&task).status(), TaskStatus::Working, "a request that no body waits for is withdrawn");
    }

    #[tokio::test]
    async fn the_first_ending_counts_and_ends_what_waits() {
        let task = task();
        let question = task.ask("confirm", confirmation());
        task.end(Ending::Revoked);
        task.end(Ending::Cancelled);
        assert_eq!(question.response().await, None);
        assert_eq!(task.ending(), Some(Ending::Revoked));
    }

    #[test]
    fn a_status_message_is_bounded() {
        let task = task();
        task.set_message(&"é".repeat(5000));
        assert_eq!(shown(&task).task.status_message.unwrap().chars().count(), MAX_MESSAGE_CHARS);
    }
}
