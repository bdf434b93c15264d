//! Running a call as a task: the rounds of its tool, until the final state is stored.

use std::{
    convert::Infallible,
    future::pending,
    sync::{Arc, PoisonError},
    time::Duration,
};

use futures_util::future::join;
use http::HeaderMap;
use rmcp::model::{
    CallToolResult, ContentBlock, ErrorCode, ErrorData, InputRequests, InputRequiredResult, InputResponses,
};
use serde_json::{Map, Value, json};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::{
    record::{TaskRecord, TaskState, object},
    running::Ending,
    task_request::{TaskContext, TaskRequest},
};
use crate::{
    operation::{Context, OperationKind, undeclared_capabilities},
    registry::{CallRequest, CallResult, DecisionError, INSUFFICIENT_SCOPE, McpResult},
};

/// Minimum time between two writes of a running task to the store.
const PUBLISH_INTERVAL: Duration = Duration::from_millis(250);
/// Time between two attempts to store the final state.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// Bytes that a stored task counts at least, for its key and its place in the store.
const OVERHEAD_BYTES: usize = 1024;

/// How a call ended.
pub(crate) type CallEnd = Result<CallResult, DecisionError>;

/// A call that becomes a task.
pub(super) struct Run {
    pub(super) request: Arc<TaskRequest>,
    pub(super) arguments: Map<String, Value>,
    pub(super) headers: HeaderMap,
    /// Responses to what the tool asked for before the task was created, and its state.
    pub(super) responses: InputResponses,
    pub(super) state: Option<String>,
}

impl Run {
    /// Runs the call. If it ends before its body, passes its end to `ended` and creates no task.
    pub(super) async fn run(mut self, ended: oneshot::Sender<(CallEnd, InputResponses)>) {
        let done = CancellationToken::new();
        let request = Arc::clone(&self.request);
        let work = async {
            let end = self.work().await;
            done.cancel();
            end
        };
        let end = join(work, publish(&request, &done)).await.0;
        if self.request.is_created() {
            self.finish(end).await;
        } else {
            let end = end.unwrap_or_else(|state| {
                debug_assert!(false, "a call without a task ended in {state:?}");
                Err(DecisionError::Hidden)
            });
            // An error means that the client has disconnected.
            let _ = ended.send((end, self.responses));
        }
    }

    /// Runs the rounds of the tool, until a revocation ends them.
    async fn work(&mut self) -> Result<CallEnd, TaskState> {
        let request = Arc::clone(&self.request);
        let revoked = async {
            request.access.revoked().await;
            tracing::info!(task = request.task.key.label(), "task ended by a revocation of its caller");
            request.task.end(Ending::Revoked);
            // The rounds end, and record it.
            pending::<Infallible>().await
        };
        tokio::select! {
            biased;
            never = revoked => match never {},
            end = self.rounds() => end,
        }
    }

    /// Runs the tool, and again with the responses whenever it returns a request for input.
    async fn rounds(&mut self) -> Result<CallEnd, TaskState> {
        let request = Arc::clone(&self.request);
        let dispatcher = request.tasks.dispatcher();
        let registry = dispatcher.registry();
        let may_ask =
            registry.get(OperationKind::Tool, &request.tool).is_some_and(|tool| tool.descriptor().takes_context());
        loop {
            let arguments = if may_ask { self.arguments.clone() } else { std::mem::take(&mut self.arguments) };
            let context = Context::new(
                Arc::clone(&request.access.caller),
                Arc::clone(registry) as _,
                Box::new(TaskContext(Arc::clone(&request))),
                self.headers.clone(),
            )
            .with_input(std::mem::take(&mut self.responses), self.state.take());
            let call = CallRequest {
                kind: OperationKind::Tool,
                name: &request.tool,
                arguments,
                info: request.facts.info(),
                // A task is counted when it is created.
                counted: request.facts.counted,
            };
            // Decides again, because the body runs only by consuming an `Authorized`.
            let end = dispatcher.call(&request.access.caller, call, Some(&context)).await;
            match end {
                Ok(CallResult::InputRequired(input)) if request.is_created() => {
                    self.responses = context.carried_responses();
                    self.responses.extend(self.ask(&input).await?);
                    self.state = input.request_state;
                }
                end => {
                    self.responses = context.carried_responses();
                    return Ok(end);
                }
            }
        }
    }

    /// Asks the client for the input that the tool requires, and waits for all responses.
    ///
    /// # Errors
    ///
    /// The state in which the task ends instead.
    async fn ask(&self, input: &InputRequiredResult) -> Result<InputResponses, TaskState> {
        let capabilities = self.request.facts.client_capabilities.clone().unwrap_or_default();
        if let Some(missing) =
            undeclared_capabilities(input.input_requests.iter().flat_map(InputRequests::values), &capabilities)
        {
            return Err(TaskState::Failed(ErrorData::missing_required_client_capability(missing)));
        }
        let requests = input.input_requests.iter().flatten();
        let questions: Vec<_> =
            requests.map(|(key, request)| (key.clone(), self.request.task.ask(key, request.clone()))).collect();
        let answers = async {
            let mut responses = InputResponses::default();
            for (key, question) in questions {
                // The task ends, for the reason that it has.
                responses.insert(key, question.response().await.ok_or(TaskState::Cancelled)?);
            }
            Ok(responses)
        };
        tokio::time::timeout_at(self.request.deadline, answers).await.unwrap_or_else(|_| {
            let text = "the task exceeded its time limit while it waited for input";
            Err(TaskState::Completed(object(&CallToolResult::error(vec![ContentBlock::text(text)]))))
        })
    }

    /// Stores the final state of the task and frees its place.
    async fn finish(self, end: Result<CallEnd, TaskState>) {
        let Self { request, .. } = self;
        let (tasks, task) = (&request.tasks, &request.task);
        let (state, message) = match task.ending() {
            Some(ending) => ending.state(),
            None => (end.map_or_else(|state| state, |end| final_state(&request, end)), None),
        };
        let limits = *tasks.limits();
        let slot = request.slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut record = task.finish(state, message, limits.ttl).encode();
        if let Some(slot) = &slot {
            let payer = slot.payer();
            if !tasks.usage().store(payer, record.len() + OVERHEAD_BYTES, &limits) {
                tracing::warn!(
                    task = task.key.label(),
                    bytes = record.len(),
                    "the result of a task was discarded: `tasks.max_stored_bytes` is reached"
                );
                record = task.finish(no_space(), None, limits.ttl).encode();
                tasks.usage().add(payer, record.len() + OVERHEAD_BYTES, &limits);
            }
        }
        store_final(&request, record, limits.ttl).await;
        drop(slot);
    }
}

/// Writes the changes of a running task to the store, if other replicas read them, until `done`.
async fn publish(request: &TaskRequest, done: &CancellationToken) {
    let (tasks, task) = (&request.tasks, &request.task);
    if !tasks.store().is_shared() {
        return;
    }
    loop {
        tokio::select! {
            biased;
            () = done.cancelled() => return,
            () = task.changed.notified() => {}
        }
        if request.is_created() {
            let record: TaskRecord = task.record();
            let lifetime = request.remaining() + tasks.limits().ttl;
            if let Err(error) = tasks.store().put(task.key.as_str(), record.encode(), lifetime).await {
                tasks.report(&error);
            }
        }
        if done.run_until_cancelled(tokio::time::sleep(PUBLISH_INTERVAL)).await.is_none() {
            return;
        }
    }
}

/// Stores the final record. While the store fails, the task stays among the running ones, where its state is found.
async fn store_final(request: &TaskRequest, record: Vec<u8>, ttl: Duration) {
    let (tasks, task) = (&request.tasks, &request.task);
    let store = async {
        while let Err(error) = tasks.store().put(task.key.as_str(), record.clone(), ttl).await {
            tasks.report(&error);
            if tasks.is_shutting_down() {
                return;
            }
            tokio::time::sleep(RETRY_INTERVAL).await;
        }
    };
    // The record would have expired afterwards.
    let _ = tokio::time::timeout(ttl, store).await;
}

/// Returns the final state of a task whose tool has ended.
fn final_state(request: &TaskRequest, end: CallEnd) -> TaskState {
    match end {
        Ok(CallResult::Complete(McpResult::Tool(result))) => TaskState::Completed(object(&result)),
        Ok(CallResult::InsufficientScope(scopes)) | Err(DecisionError::InsufficientScope(scopes)) => {
            let text = request.tasks.dispatcher().needed_scopes(
                OperationKind::Tool,
                &request.tool,
                &request.access.caller,
                &scopes,
            );
            let data = json!({ "required": scopes.required, "missing": scopes.missing });
            TaskState::Failed(ErrorData::new(ErrorCode(INSUFFICIENT_SCOPE), text, Some(data)))
        }
        Ok(CallResult::Failed(error)) => TaskState::Failed(error),
        // Requests for input have been handled; the remaining results are those of prompts and resources.
        Ok(
            CallResult::InputRequired(_)
            | CallResult::UrlElicitationRequired(_)
            | CallResult::Complete(_)
            | CallResult::NotFound,
        ) => TaskState::Failed(ErrorData::internal_error("internal error", None)),
        Err(DecisionError::Unknown | DecisionError::Hidden) => {
            TaskState::Failed(ErrorData::invalid_params("the tool is not available any more", None))
        }
    }
}

fn no_space() -> TaskState {
    let text = "the tool has ended, and its result could not be stored, because too many results of tasks are stored: \
                call the tool again later, or request less data";
    TaskState::Completed(object(&CallToolResult::error(vec![ContentBlock::text(text)])))
}
