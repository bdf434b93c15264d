//! The tasks of a server: creation, polls, responses and cancellation.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use http::HeaderMap;
use rmcp::model::{DetailedTask, ErrorData, InputResponses, Task};
use serde_json::{Map, Value};
use tokio::{
    sync::{OnceCell, oneshot, watch},
    task::AbortHandle,
    time::Instant,
};

use super::{
    TaskStore, TaskStoreError,
    channel::{self, Message},
    owner::TaskOwner,
    record::{TaskRecord, TaskState},
    run::{CallEnd, Run},
    running::{Ending, RunningTask},
    task_id::{TaskId, TaskKey},
    task_request::{RequestFacts, TaskRequest},
    usage::{TaskLimits, Usage},
};
use crate::{
    auth::{Access, Caller},
    error::ErrorChain,
    operation::{OperationKind, ToolError},
    registry::{DecisionError, Dispatcher, RegisteredOperation},
    scope::MissingScopes,
    spawn::spawn,
    traces,
};

/// Time that tasks have to end after they were cancelled because of a shutdown.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

/// The tasks of one server.
pub(crate) struct Tasks {
    dispatcher: Arc<Dispatcher>,
    store: Arc<dyn TaskStore>,
    limits: TaskLimits,
    /// Random name of this process.
    replica: String,
    usage: Mutex<Usage>,
    running: Mutex<HashMap<TaskKey, Arc<RunningTask>>>,
    /// Number of calls that run.
    calls: watch::Sender<usize>,
    /// Whether the exchange with other replicas has begun.
    channel: OnceCell<()>,
    is_shutting_down: AtomicBool,
    has_stopped: AtomicBool,
    is_failure_logged: AtomicBool,
}

/// A call that becomes a task.
pub(crate) struct TaskCall {
    pub(crate) access: Access,
    pub(crate) tool: String,
    pub(crate) arguments: Map<String, Value>,
    pub(crate) facts: RequestFacts,
    pub(crate) headers: HeaderMap,
    /// Responses to what the tool asked for in the round before, and its state.
    pub(crate) responses: InputResponses,
    pub(crate) state: Option<String>,
}

/// Response to a call that may become a task.
pub(crate) enum TaskResponse {
    /// The body has started, and the task can be polled.
    Created(Task),
    /// The call ended before its body, with the responses that a next round needs.
    Ended(CallEnd, InputResponses),
    /// The call was aborted.
    Aborted,
}

/// Why a request about a task is rejected.
#[derive(Debug)]
pub(crate) enum TaskError {
    /// No task of the caller has this ID, or the caller may not see its tool.
    Unknown,
    /// The token lacks a scope of the task's tool.
    InsufficientScope { tool: &'static str, scopes: MissingScopes },
    /// The store failed.
    Unavailable,
}

impl Tasks {
    pub(crate) fn new(dispatcher: Arc<Dispatcher>, store: Arc<dyn TaskStore>, limits: TaskLimits) -> Self {
        Self {
            dispatcher,
            store,
            limits,
            replica: uuid::Uuid::new_v4().simple().to_string(),
            usage: Mutex::default(),
            running: Mutex::default(),
            calls: watch::Sender::new(0),
            channel: OnceCell::new(),
            is_shutting_down: AtomicBool::new(false),
            has_stopped: AtomicBool::new(false),
            is_failure_logged: AtomicBool::new(false),
        }
    }

    /// Runs a call, and returns when its body starts or when it ends before. If the returned future is dropped before, the
    /// call is cancelled.
    pub(crate) async fn call(self: &Arc<Self>, call: TaskCall) -> TaskResponse {
        let tool = self.dispatcher.registry().get(OperationKind::Tool, &call.tool);
        let time_limit = tool.and_then(|tool| tool.descriptor().timeout).unwrap_or(self.limits.timeout);
        let lifetime = time_limit.saturating_add(self.limits.ttl);
        let owner = TaskOwner::of(&call.access.caller);
        let record = TaskRecord::new(owner, call.tool.clone(), self.replica.clone(), lifetime);
        let (created, mut is_created) = oneshot::channel();
        let (ended, mut has_ended) = oneshot::channel();
        let request = Arc::new(TaskRequest {
            tasks: Arc::clone(self),
            task: Arc::new(RunningTask::new(record)),
            tool: call.tool,
            access: call.access,
            facts: call.facts,
            deadline: Instant::now() + time_limit,
            created: Mutex::new(Some(created)),
            slot: Mutex::new(None),
        });
        let run = Run {
            request,
            arguments: call.arguments,
            headers: call.headers,
            responses: call.responses,
            state: call.state,
        };
        let counted = CountedCall::new(Arc::clone(self));
        let span = traces::task(tool.map(RegisteredOperation::name));
        let call = spawn(span.run(async move {
            run.run(ended).await;
            drop(counted);
        }));
        let mut guard = AbortOnDrop(Some(call.abort_handle()));
        let response = tokio::select! {
            biased;
            Ok(task) = &mut is_created => TaskResponse::Created(task),
            Ok((end, responses)) = &mut has_ended => TaskResponse::Ended(end, responses),
            else => TaskResponse::Aborted,
        };
        guard.0 = None;
        response
    }

    /// Returns a task of the caller.
    ///
    /// # Errors
    ///
    /// The caller has no such task, or may not call its tool any more.
    pub(crate) async fn get(&self, id: &str, caller: &Arc<Caller>) -> Result<DetailedTask, TaskError> {
        let (id, mut record, running) = self.find(id, caller).await?;
        if running.is_none() && !record.is_terminal() && !self.is_run_by_other(&record).await? {
            let message = "the server that ran the task has stopped: call the tool again";
            record.set_state(TaskState::Failed(ErrorData::internal_error(message, None)));
        }
        Ok(record.into_detailed(&id))
    }

    /// Passes responses to the task of a caller. Responses that the task did not ask for, and those to a task whose
    /// replica has stopped, are ignored.
    ///
    /// # Errors
    ///
    /// Those of [`get`](Self::get).
    pub(crate) async fn update(
        &self,
        id: &str,
        caller: &Arc<Caller>,
        responses: InputResponses,
    ) -> Result<(), TaskError> {
        let (id, record, running) = self.find(id, caller).await?;
        if let Some(task) = running {
            task.answer(responses);
            return Ok(());
        }
        let message = Message::Answer { task: id.key().as_str().to_owned(), responses };
        self.forward(&record, &message).await
    }

    /// Cancels the task of a caller. A task that has ended stays as it is.
    ///
    /// # Errors
    ///
    /// Those of [`get`](Self::get).
    pub(crate) async fn cancel(&self, id: &str, caller: &Arc<Caller>) -> Result<(), TaskError> {
        let (id, record, running) = self.find(id, caller).await?;
        match running {
            Some(task) if !record.is_terminal() => task.end(Ending::Cancelled),
            Some(_) => {}
            None => self.forward(&record, &Message::Cancel { task: id.key().as_str().to_owned() }).await?,
        }
        Ok(())
    }

    /// Finds a task of the caller, and decides again whether the caller may call its tool.
    async fn find(
        &self,
        id: &str,
        caller: &Arc<Caller>,
    ) -> Result<(TaskId, TaskRecord, Option<Arc<RunningTask>>), TaskError> {
        let id = TaskId::parse(id).ok_or(TaskError::Unknown)?;
        let running = self.running().get(&id.key()).cloned();
        let record = if let Some(task) = &running {
            task.record()
        } else {
            let stored = self.store.get(id.key().as_str()).await.map_err(|error| self.unavailable(&error))?;
            let record = stored.ok_or(TaskError::Unknown)?;
            TaskRecord::decode(&record).map_err(|error| self.unavailable(&error))?
        };
        if record.owner != TaskOwner::of(caller) {
            return Err(TaskError::Unknown);
        }
        self.authorize(&record, caller)?;
        Ok((id, record, running))
    }

    /// Decides whether the caller may call the tool of a task now, with the arguments of its call.
    fn authorize(&self, record: &TaskRecord, caller: &Arc<Caller>) -> Result<(), TaskError> {
        let tool = match self.dispatcher.decide(OperationKind::Tool, &record.tool, caller) {
            Ok(authorized) => authorized.operation(),
            Err(DecisionError::InsufficientScope(scopes)) => {
                let tool =
                    self.dispatcher.registry().get(OperationKind::Tool, &record.tool).ok_or(TaskError::Unknown)?;
                return Err(TaskError::InsufficientScope { tool: tool.name(), scopes });
            }
            Err(DecisionError::Unknown | DecisionError::Hidden) => return Err(TaskError::Unknown),
        };
        let declared = tool.descriptor().scopes_if.iter().flat_map(|conditional| conditional.scopes);
        let required = declared.map(|scope| scope.name());
        let missing: Vec<_> = required
            .filter(|&scope| record.conditional_scopes.iter().any(|required| required == scope))
            .filter(|scope| !caller.has_name(scope))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let mut required = tool.required_scopes().to_vec();
        required.extend(&missing);
        Err(TaskError::InsufficientScope { tool: tool.name(), scopes: MissingScopes { missing, required } })
    }

    /// Sends a message to the replica that runs the task of a record, if one does.
    async fn forward(&self, record: &TaskRecord, message: &Message) -> Result<(), TaskError> {
        if record.is_terminal() || !self.is_run_by_other(record).await? {
            return Ok(());
        }
        channel::send(self, &record.replica, message).await.map_err(|error| self.unavailable(&error))
    }

    /// Returns whether another replica runs the task of this record.
    async fn is_run_by_other(&self, record: &TaskRecord) -> Result<bool, TaskError> {
        if record.replica == self.replica || !self.store.is_shared() {
            return Ok(false);
        }
        channel::is_alive(self, &record.replica).await.map_err(|error| self.unavailable(&error))
    }

    /// Stores the record of a new task that runs for at most `time_limit`.
    pub(super) async fn store_new(
        self: &Arc<Self>,
        key: &TaskKey,
        record: &TaskRecord,
        time_limit: Duration,
    ) -> Result<(), ToolError> {
        if self.store.is_shared() {
            self.channel.get_or_try_init(|| channel::open(self)).await.map_err(ToolError::masked)?;
        }
        let lifetime = time_limit.saturating_add(self.limits.ttl);
        self.store.put(key.as_str(), record.encode(), lifetime).await.map_err(ToolError::masked)?;
        self.is_failure_logged.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// Waits until all tasks have ended, at most until `deadline`, and then ends the remaining ones.
    pub(crate) async fn shut_down(&self, deadline: Instant) {
        self.is_shutting_down.store(true, Ordering::Release);
        let mut calls = self.calls.subscribe();
        if tokio::time::timeout_at(deadline, calls.wait_for(|calls| *calls == 0)).await.is_err() {
            let running: Vec<_> = self.running().values().cloned().collect();
            tracing::warn!(tasks = running.len(), "ended the tasks that did not end within `http.shutdown_timeout`");
            for task in &running {
                task.end(Ending::ShutDown);
            }
            // A tool that does not yield cannot be stopped.
            let _ = tokio::time::timeout(STOP_TIMEOUT, calls.wait_for(|calls| *calls == 0)).await;
        }
        self.has_stopped.store(true, Ordering::Release);
    }

    pub(super) fn is_shutting_down(&self) -> bool {
        self.is_shutting_down.load(Ordering::Acquire)
    }

    pub(super) fn has_stopped(&self) -> bool {
        self.has_stopped.load(Ordering::Acquire)
    }

    pub(super) fn dispatcher(&self) -> &Arc<Dispatcher> {
        &self.dispatcher
    }

    pub(super) fn store(&self) -> &dyn TaskStore {
        &*self.store
    }

    pub(super) fn limits(&self) -> &TaskLimits {
        &self.limits
    }

    pub(super) fn replica(&self) -> &str {
        &self.replica
    }

    pub(super) fn usage(&self) -> MutexGuard<'_, Usage> {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn running(&self) -> MutexGuard<'_, HashMap<TaskKey, Arc<RunningTask>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unavailable(&self, error: &TaskStoreError) -> TaskError {
        self.report(error);
        TaskError::Unavailable
    }

    /// Logs the first of several failures of the store.
    pub(super) fn report(&self, error: &TaskStoreError) {
        if !self.is_failure_logged.swap(true, Ordering::Relaxed) {
            tracing::error!(error = %ErrorChain(error), "the store of tasks failed");
        }
    }
}

/// A call that counts as running until this value is dropped.
struct CountedCall(Arc<Tasks>);

impl CountedCall {
    fn new(tasks: Arc<Tasks>) -> Self {
        tasks.calls.send_modify(|calls| *calls += 1);
        Self(tasks)
    }
}

impl Drop for CountedCall {
    fn drop(&mut self) {
        self.0.calls.send_modify(|calls| *calls -= 1);
    }
}

/// Task that is aborted when this value is dropped, unless it is taken.
struct AbortOnDrop(Option<AbortHandle>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tasks").field("running", &self.running().len()).finish_non_exhaustive()
    }
}
