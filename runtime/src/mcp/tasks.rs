//! Requests about tasks (MCP extension `io.modelcontextprotocol/tasks`, SEP-2663).

use std::sync::Arc;

use http::HeaderMap;
use rmcp::{
    ErrorData, RoleServer,
    model::{GetTaskResult, InputResponses},
    service::RequestContext,
};
use serde_json::{Map, Value};

use super::{
    AuthenticatedRequest,
    handler::{Handler, authenticated, revision},
    protocol::Revision,
};
use crate::{
    audit::{CallOutcome, Reason},
    operation::OperationKind,
    tasks::{RequestFacts, TaskCall, TaskError, TaskResponse, Tasks},
    traces,
};

/// A call of a tool that may become a task.
pub(super) struct Call {
    pub(super) tool: String,
    pub(super) arguments: Map<String, Value>,
    pub(super) headers: HeaderMap,
    /// Responses to what the tool asked for in the round before, and its state.
    pub(super) responses: InputResponses,
    pub(super) state: Option<String>,
}

/// Runs a call until its body starts.
pub(super) async fn start(
    tasks: &Arc<Tasks>,
    call: Call,
    authenticated: &AuthenticatedRequest,
    context: RequestContext<RoleServer>,
) -> TaskResponse {
    let id = context.id.to_string();
    let header = call.headers.get("traceparent").and_then(|value| value.to_str().ok());
    let info = authenticated.info(&id, context.meta.get_traceparent().or(header));
    let facts = RequestFacts {
        trace_id: info.trace_id,
        received_at: info.received_at,
        counted: authenticated.counted(),
        protocol_version: context.protocol_version(),
        client_info: context.meta.client_info(),
        client_capabilities: context.client_capabilities(),
        meta: context.meta.0.0.clone(),
        id,
    };
    let call = TaskCall {
        access: authenticated.access().clone(),
        tool: call.tool,
        arguments: call.arguments,
        facts,
        headers: call.headers,
        responses: call.responses,
        state: call.state,
    };
    let call = authenticated.in_span(async {
        let response = tasks.call(call).await;
        if matches!(response, TaskResponse::Created(_)) {
            // How the task ends is recorded on a span of its own.
            traces::ended(CallOutcome::TaskCreated.ending(OperationKind::Tool));
        }
        response
    });
    tokio::select! {
        biased;
        // The client has disconnected: the call is dropped, unless it is a task already.
        () = context.ct.cancelled() => TaskResponse::Aborted,
        response = call => response,
    }
}

impl Handler {
    /// Returns the tasks of the server if a call of this tool becomes one: the tool allows it, and the client declared the
    /// extension in a request of a revision that has it.
    pub(super) fn tasks_for(&self, tool: &str, context: &RequestContext<RoleServer>) -> Option<&Arc<Tasks>> {
        let tasks = self.tasks.as_ref()?;
        let tool = self.dispatcher.registry().get(OperationKind::Tool, tool)?;
        let supports_tasks = tool.descriptor().has_tasks()
            && revision(context) == Revision::Current
            && context.client_capabilities().is_some_and(|client| client.supports_tasks());
        supports_tasks.then_some(tasks)
    }

    /// Responds to `tasks/get`.
    pub(super) async fn show_task(
        &self,
        task: &str,
        context: &RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        let request = authenticated(context)?;
        let shown = self.tasks()?.get(task, request.caller()).await;
        shown.map(GetTaskResult::new).map_err(|error| self.task_error(error, &request, context))
    }

    /// Responds to `tasks/update`.
    pub(super) async fn answer_task(
        &self,
        task: &str,
        responses: InputResponses,
        context: &RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let request = authenticated(context)?;
        let answered = self.tasks()?.update(task, request.caller(), responses).await;
        answered.map_err(|error| self.task_error(error, &request, context))
    }

    /// Responds to `tasks/cancel`.
    pub(super) async fn end_task(&self, task: &str, context: &RequestContext<RoleServer>) -> Result<(), ErrorData> {
        let request = authenticated(context)?;
        let ended = self.tasks()?.cancel(task, request.caller()).await;
        ended.map_err(|error| self.task_error(error, &request, context))
    }

    /// Returns the tasks of the server. rmcp rejects requests about tasks if there are none.
    fn tasks(&self) -> Result<&Tasks, ErrorData> {
        self.tasks.as_deref().ok_or_else(unknown_task)
    }

    /// Records a rejected request about a task, and returns its error.
    fn task_error(
        &self,
        error: TaskError,
        request: &AuthenticatedRequest,
        context: &RequestContext<RoleServer>,
    ) -> ErrorData {
        let id = context.id.to_string();
        let info = request.info(&id, context.meta.get_traceparent());
        let audit = self.dispatcher.audit();
        match error {
            TaskError::Unknown => {
                audit.rejection(info, Some(request.caller()), Reason::UnknownTask);
                unknown_task()
            }
            TaskError::InsufficientScope { tool, scopes } => {
                let kind = OperationKind::Tool;
                self.dispatcher.record_insufficient_scope(info, request.caller(), kind, tool, &scopes);
                self.insufficient_scope(kind, tool, scopes, request)
            }
            TaskError::Unavailable => {
                ErrorData::internal_error("tasks cannot be read at the moment: try again later", None)
            }
        }
    }
}

/// Error for a task that does not exist, has expired, or belongs to another caller; the same in all cases.
fn unknown_task() -> ErrorData {
    ErrorData::invalid_params("unknown task: it does not exist, has expired, or was created by another caller", None)
}
