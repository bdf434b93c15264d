//! A call of a tool, or a request for a prompt or a resource: its decision, its run, and what the client is asked for.

use std::sync::Arc;

use rmcp::{
    ErrorData, RoleServer,
    model::{
        ClientCapabilities, ErrorCode, InputRequests, InputRequiredResult, InputResponses, ProtocolVersion, Task,
    },
    service::RequestContext,
};
use serde_json::{Map, Value};

use super::{
    AuthenticatedRequest,
    client_request::{CallContext, request_id},
    handler::{Handler, authenticated, headers, revision, unexpected_result},
    protocol::Revision,
    tasks,
};
use crate::{
    audit::Reason,
    operation::{CallBinding, Context, InputRound, InputUnavailable, OperationKind, undeclared_capabilities},
    registry::{CallRequest, CallResult, DecisionError, McpResult},
    tasks::TaskResponse,
};

/// Maximum number of times that a body can ask for input in one call of a session.
const MAX_ROUNDS: usize = 16;

/// JSON-RPC error code for a call that needs the user to open a URL (MCP 2025-11-25, Elicitation, URL mode).
const URL_ELICITATION_REQUIRED: i32 = -32042;

/// A call of a tool, or a request for a prompt or a resource, as rmcp parsed it.
pub(super) struct IncomingCall {
    pub(super) kind: OperationKind,
    /// Name of the tool or the prompt, or URI of the resource.
    pub(super) name: String,
    pub(super) arguments: Option<Map<String, Value>>,
    pub(super) input: Option<InputResponses>,
    pub(super) state: Option<String>,
}

/// Successful response to a call.
pub(super) enum CallResponse {
    Complete(McpResult),
    InputRequired(InputRequiredResult),
    /// The call continues as a task.
    Task(Task),
}

impl Handler {
    /// Decides, runs and records a call.
    pub(super) async fn call(
        &self,
        call: IncomingCall,
        mut context: RequestContext<RoleServer>,
    ) -> Result<CallResponse, ErrorData> {
        let IncomingCall { kind, name, arguments, input, state } = call;
        let authenticated = authenticated(&context)?;
        let caller = authenticated.caller();
        let id = request_id(&context);
        let revision = revision(&context);
        let arguments = authenticated.take_arguments().or(arguments).unwrap_or_default();
        let binding = CallBinding::new(kind, &name, caller, &arguments);
        let round = match &state {
            Some(signed) => self.signer.verify(signed, &binding).map_err(|_| {
                let info = authenticated.info(&id, None);
                self.dispatcher.audit().rejection(info, Some(caller), Reason::InvalidRequestState);
                invalid_request_state()
            })?,
            None => InputRound::default(),
        };
        let (responses, state) = round.accept(input.unwrap_or_default());
        let headers = if self.dispatcher.registry().is_mounted(kind, &name) {
            // A mounted server reads the HTTP request from the extensions, too.
            headers(&context).cloned()
        } else {
            context.extensions.remove::<http::request::Parts>().map(|parts| parts.headers)
        };
        if kind == OperationKind::Tool
            && let Some(tasks) = self.tasks_for(&name, &context)
        {
            let headers = headers.unwrap_or_default();
            let capabilities = context.client_capabilities().unwrap_or_default();
            let call = tasks::Call { tool: name.clone(), arguments, headers, responses, state };
            // Boxed, so that ordinary calls do not have its size.
            return match Box::pin(tasks::start(tasks, call, &authenticated, context)).await {
                TaskResponse::Created(task) => Ok(CallResponse::Task(task)),
                // A step before the body asks for input, and the task is not created yet.
                TaskResponse::Ended(Ok(CallResult::InputRequired(input)), responses) => {
                    self.ask(input, &binding, responses, &capabilities)
                }
                TaskResponse::Ended(end, _) => self.respond(kind, &name, end, &authenticated, revision),
                TaskResponse::Aborted => Err(unexpected_result()),
            };
        }
        let tools = Arc::clone(self.dispatcher.registry());
        let context = CallContext::new(context, &authenticated);
        let context = Context::new(Arc::clone(caller), tools, Box::new(context), headers.unwrap_or_default())
            .with_input(responses, state);
        let info = authenticated.info(&id, context.traceparent());
        let counted = authenticated.counted();
        let call = CallRequest { kind, name: &name, arguments, info, counted };
        let (result, context) = self.run(call, context, &authenticated).await?;
        match result {
            Ok(CallResult::InputRequired(input)) => self.input_required(input, &binding, &context),
            end => self.respond(kind, &name, end, &authenticated, revision),
        }
    }

    /// Responds to a call that asks for no input.
    fn respond(
        &self,
        kind: OperationKind,
        name: &str,
        end: Result<CallResult, DecisionError>,
        request: &AuthenticatedRequest,
        revision: Revision,
    ) -> Result<CallResponse, ErrorData> {
        match end {
            Ok(CallResult::Complete(result)) => Ok(CallResponse::Complete(result)),
            // The caller of this function or the task has handled it.
            Ok(CallResult::InputRequired(_)) => Err(unexpected_result()),
            Ok(CallResult::UrlElicitationRequired(data)) => Err(url_elicitation_required(data)),
            // Scopes that the body required, or scopes of an operation that the gate did not see because it parsed the body
            // differently from rmcp.
            Ok(CallResult::InsufficientScope(scopes)) | Err(DecisionError::InsufficientScope(scopes)) => {
                Err(self.insufficient_scope(kind, name, scopes, request))
            }
            Ok(CallResult::Failed(error)) => Err(error),
            Ok(CallResult::NotFound) | Err(DecisionError::Unknown | DecisionError::Hidden) => {
                Err(revision.unknown_operation(kind, name))
            }
        }
    }

    /// Runs a call. In a session, a client that the operation asks for input is asked during the call, and does not
    /// repeat it.
    async fn run(
        &self,
        CallRequest { kind, name, mut arguments, info, counted }: CallRequest<'_>,
        mut context: Context,
        request: &AuthenticatedRequest,
    ) -> Result<(Result<CallResult, DecisionError>, Context), ErrorData> {
        let mut rounds = 0;
        loop {
            let can_ask = context.can_request_input() && rounds < MAX_ROUNDS;
            let arguments = if can_ask { arguments.clone() } else { std::mem::take(&mut arguments) };
            let call = CallRequest { kind, name, arguments, info, counted };
            match request.while_current(self.dispatcher.call(request.caller(), call, Some(&context))).await? {
                Ok(CallResult::InputRequired(input)) if can_ask => {
                    rounds += 1;
                    let asked = request.while_current(context.request_input(input)).await?;
                    context = asked.map_err(input_unavailable)?;
                }
                result => return Ok((result, context)),
            }
        }
    }

    fn input_required(
        &self,
        input: InputRequiredResult,
        binding: &CallBinding,
        context: &Context,
    ) -> Result<CallResponse, ErrorData> {
        // rmcp would reject the result, too, without saying what to do.
        if context.protocol_version().is_none_or(|version| version < ProtocolVersion::V_2026_07_28) {
            return Err(cannot_be_asked());
        }
        let capabilities = context.client_capabilities().unwrap_or_default();
        self.ask(input, binding, context.carried_responses(), &capabilities)
    }

    /// Asks the client for the input that a call requires, with a signed state that has the responses of earlier rounds.
    fn ask(
        &self,
        mut input: InputRequiredResult,
        binding: &CallBinding,
        carried: InputResponses,
        capabilities: &ClientCapabilities,
    ) -> Result<CallResponse, ErrorData> {
        let round = InputRound::of(&input).with_responses(carried);
        input.request_state = Some(self.signer.sign(&round, binding));
        let requests = input.input_requests.iter().flat_map(InputRequests::values);
        match undeclared_capabilities(requests, capabilities) {
            Some(missing) => Err(ErrorData::missing_required_client_capability(missing)),
            None => Ok(CallResponse::InputRequired(input)),
        }
    }
}

/// Error `URLElicitationRequired` of MCP 2025-11-25.
fn url_elicitation_required(data: Value) -> ErrorData {
    let text = "a person has to open a URL and approve the call; then call again with the same arguments";
    ErrorData::new(ErrorCode(URL_ELICITATION_REQUIRED), text, Some(data))
}

/// Error for a request for input that a client of an earlier revision cannot be sent.
fn cannot_be_asked() -> ErrorData {
    let text = "the call needs input from the client: use MCP 2026-07-28 and declare the capability, or an earlier revision \
                in a session";
    ErrorData::invalid_request(text, None)
}

/// Error for input that the client of a session did not provide.
fn input_unavailable(error: InputUnavailable) -> ErrorData {
    match error {
        InputUnavailable::Undeclared(missing) => ErrorData::missing_required_client_capability(*missing),
        error => ErrorData::internal_error(error.to_string(), None),
    }
}

/// Error for an invalid `requestState`; the same for every reason.
fn invalid_request_state() -> ErrorData {
    let text = "`requestState` is invalid for this call or has expired: start the call again without it";
    ErrorData::invalid_params(text, None)
}
