//! The request behind the `Context` of a call that becomes a task.

use std::{
    any::Any,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use rmcp::model::{ClientCapabilities, Implementation, InputRequest, ProtocolVersion, Task};
use serde_json::{Map, Value};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::{running::RunningTask, slot::Slot, tasks::Tasks};
use crate::{
    audit::{RequestInfo, TraceId},
    auth::Access,
    operation::{
        Background, ClientRequest, InputUnavailable, LogLevel, OperationKind, ToolError, undeclared_capabilities,
    },
    registry::CountedOperation,
};

/// What a request tells about itself and its client; it outlives the request.
#[derive(Clone, Debug)]
pub(crate) struct RequestFacts {
    /// JSON-RPC id.
    pub(crate) id: String,
    pub(crate) trace_id: Option<TraceId>,
    pub(crate) received_at: Instant,
    /// The operation whose rates the gate counted the request in.
    pub(crate) counted: Option<CountedOperation>,
    pub(crate) protocol_version: Option<ProtocolVersion>,
    pub(crate) client_info: Option<Implementation>,
    pub(crate) client_capabilities: Option<ClientCapabilities>,
    pub(crate) meta: Map<String, Value>,
}

impl RequestFacts {
    pub(super) fn info(&self) -> RequestInfo<'_> {
        RequestInfo { id: &self.id, trace_id: self.trace_id, received_at: self.received_at }
    }
}

/// A call that becomes a task when its body starts.
pub(super) struct TaskRequest {
    pub(super) tasks: Arc<Tasks>,
    pub(super) task: Arc<RunningTask>,
    pub(super) tool: String,
    pub(super) access: Access,
    pub(super) facts: RequestFacts,
    /// Time at which the task has to end.
    pub(super) deadline: tokio::time::Instant,
    /// Where the request waits for the task. `None` once it has been created.
    pub(super) created: Mutex<Option<oneshot::Sender<Task>>>,
    /// The place of the task among the running ones. `None` until it is created.
    pub(super) slot: Mutex<Option<Slot>>,
}

impl TaskRequest {
    pub(super) fn is_created(&self) -> bool {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    pub(super) fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(tokio::time::Instant::now())
    }

    /// Creates the task, and tells the request.
    async fn create(
        &self,
        created: oneshot::Sender<Task>,
        conditional_scopes: &[&'static str],
    ) -> Result<(), ToolError> {
        // A revocation from here on ends the task.
        if !self.access.is_current() {
            return Err(ToolError::new("your access has changed during the call: call the tool again"));
        }
        let Some(tool) = self.tasks.dispatcher().registry().get(OperationKind::Tool, &self.tool) else {
            return Err(ToolError::stopped());
        };
        let slot = Slot::take(&self.tasks, &self.task, &self.access.caller)?;
        self.task.set_conditional_scopes(conditional_scopes);
        let record = self.task.record();
        self.tasks.store_new(&self.task.key, &record, self.remaining()).await?;
        self.tasks.dispatcher().record_task_created(
            self.facts.info(),
            &self.access.caller,
            tool,
            self.task.key.label(),
            conditional_scopes,
        );
        *self.slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(slot);
        if created.send(record.task(&self.task.id)).is_err() {
            // The client has disconnected and does not learn the ID, so the task cannot be polled.
            self.task.end(super::running::Ending::Cancelled);
        }
        Ok(())
    }
}

#[async_trait]
impl Background for TaskRequest {
    async fn begin(&self, conditional_scopes: Vec<&'static str>) -> Result<(), ToolError> {
        let created = self.created.lock().unwrap_or_else(PoisonError::into_inner).take();
        match created {
            Some(created) => self.create(created, &conditional_scopes).await,
            // A later round of a task that asked for input.
            None => Ok(()),
        }
    }

    fn remaining_time(&self) -> Duration {
        self.remaining()
    }

    fn label(&self) -> &str {
        self.task.key.label()
    }
}

/// The `Context` of one round of a task.
pub(super) struct TaskContext(pub(super) Arc<TaskRequest>);

#[async_trait]
impl ClientRequest for TaskContext {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn is_current(&self) -> bool {
        self.0.access.is_current()
    }

    fn id(&self) -> String {
        self.0.facts.id.clone()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.0.facts.protocol_version.clone()
    }

    fn client_info(&self) -> Option<Implementation> {
        self.0.facts.client_info.clone()
    }

    fn client_capabilities(&self) -> Option<ClientCapabilities> {
        self.0.facts.client_capabilities.clone()
    }

    fn meta(&self) -> &Map<String, Value> {
        &self.0.facts.meta
    }

    fn cancellation(&self) -> &CancellationToken {
        self.0.task.cancellation()
    }

    /// Shows the progress as the status message of the task.
    async fn progress(&self, progress: f64, total: Option<f64>, message: Option<&str>) {
        let text = match (message, total) {
            (Some(message), _) => message.to_owned(),
            (None, Some(total)) => format!("{progress} of {total}"),
            (None, None) => progress.to_string(),
        };
        self.0.task.set_message(&text);
    }

    /// Does nothing: a task has no stream on which messages could be sent.
    async fn log(&self, _: LogLevel, _: Value) {}

    /// Until the call is a task, a step that asks for input ends the call, and the client calls again with the response.
    fn peer_requests(&self) -> bool {
        self.0.is_created()
    }

    /// Shows a request for input as that of the task, and waits until `tasks/update` has its response.
    async fn request_input(&self, request: InputRequest) -> Result<Value, InputUnavailable> {
        if !self.0.is_created() {
            return Err(InputUnavailable::NoSession);
        }
        let capabilities = self.0.facts.client_capabilities.clone().unwrap_or_default();
        if let Some(missing) = undeclared_capabilities([&request], &capabilities) {
            return Err(InputUnavailable::Undeclared(Box::new(missing)));
        }
        match self.0.task.ask("input", request).response().await {
            Some(response) => Ok(response),
            // The task ends, which drops the future of its tool.
            None => std::future::pending().await,
        }
    }

    fn background(&self) -> Option<&dyn Background> {
        Some(&*self.0)
    }
}
