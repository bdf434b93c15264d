//! rmcp's server handler: responds to requests of any caller, who comes with each of them.
#![expect(deprecated, reason = "MCP deprecates log messages for clients (SEP-2577); sessions have them")]

use std::sync::Arc;

use http::HeaderMap;
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CancelTaskParams, ClientCapabilities, CompleteRequestMethod,
        CompleteRequestParams, CompleteResult, CompletionInfo, CreateTaskResult, ErrorCode, GetPromptRequestMethod,
        GetPromptRequestParams, GetPromptResponse, GetTaskParams, GetTaskResult, InitializeRequestParams,
        InitializeResult, InputRequests, InputRequiredResult, InputResponses, ListPromptsResult,
        ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams, ProtocolVersion,
        ReadResourceRequestMethod, ReadResourceRequestParams, ReadResourceResponse, Reference, ServerConfig,
        SetLevelRequestMethod, SetLevelRequestParams, SubscribeRequestMethod, SubscribeRequestParams,
        SubscriptionFilter, Task, Tool, UnsubscribeRequestMethod, UnsubscribeRequestParams, UpdateTaskParams,
    },
    service::{RequestContext, SubscriptionContext},
};
use serde_json::{Map, Value};

use super::{
    AuthenticatedRequest, INSUFFICIENT_SCOPE, StepUp,
    client_request::{CallContext, request_id},
    listen,
    protocol::Revision,
    tasks,
};
use crate::{
    audit::Reason,
    notifications::Notifications,
    operation::{
        CallBinding, Context, InputRound, InputUnavailable, OperationKind, RequestStateSigner,
        undeclared_capabilities,
    },
    registry::{
        CallRequest, CallResult, CompletionError, CompletionRequest, DecisionError, Dispatcher, ListKind, ListPage,
        McpResult,
    },
    scope::MissingScopes,
    tasks::{TaskResponse, Tasks},
};

/// Maximum number of times that a body can ask for input in one call of a session.
const MAX_ROUNDS: usize = 16;

/// JSON-RPC error code for a call that needs the user to open a URL (MCP 2025-11-25, Elicitation, URL mode).
const URL_ELICITATION_REQUIRED: i32 = -32042;

/// Handler of a request, or of all requests of a session. It stores no caller: a handler can outlive the request that it
/// was created for, so each method takes the caller from the extensions of its own request.
#[derive(Clone)]
pub(crate) struct Handler {
    pub(crate) dispatcher: Arc<Dispatcher>,
    pub(crate) notifications: Notifications,
    pub(crate) info: Arc<ServerConfig>,
    pub(crate) signer: Arc<RequestStateSigner>,
    /// `None` if no tool has tasks.
    pub(crate) tasks: Option<Arc<Tasks>>,
    /// HTTP request that the handler was created for. rmcp creates a handler for each HTTP request to compare its headers
    /// with its body; only methods that have no other access to it use it: [`get_tool`](ServerHandler::get_tool), which is called
    /// there, and `accepted_subscription_filter`, whose requests belong to no session.
    pub(crate) created_for: AuthenticatedRequest,
}

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::clone(&self.info)
    }

    async fn initialize(
        &self,
        request: InitializeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<InitializeResult, ErrorData> {
        context.peer.set_peer_info(request.clone());
        let mut result = self.negotiate_initialize(&request)?;
        match authenticated(&context)?.session() {
            Some(call) => {
                call.session().start_notifications(&self.notifications, self.dispatcher.registry());
            }
            None => listen::remove_notifications(&mut result.capabilities),
        }
        Ok(result)
    }

    async fn set_level(
        &self,
        request: SetLevelRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let authenticated = authenticated(&context)?;
        let session = authenticated.session().ok_or_else(ErrorData::method_not_found::<SetLevelRequestMethod>)?;
        session.session().set_log_level(request.level.into());
        Ok(())
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let authenticated = authenticated(&context)?;
        let call = authenticated.session().filter(|_| self.info.capabilities.resources.is_some());
        let call = call.ok_or_else(ErrorData::method_not_found::<SubscribeRequestMethod>)?;
        let id = request_id(&context);
        let info = authenticated.info(&id, context.meta.get_traceparent());
        let decision = self.dispatcher.subscribe(info, authenticated.caller(), &request.uri);
        if !authenticated.while_current(decision).await? {
            return Err(revision(&context).unknown_operation(OperationKind::Resource, &request.uri));
        }
        call.session().subscribe(&request.uri).map_err(|error| ErrorData::invalid_params(error.to_string(), None))
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let authenticated = authenticated(&context)?;
        let call = authenticated.session().filter(|_| self.info.capabilities.resources.is_some());
        let call = call.ok_or_else(ErrorData::method_not_found::<UnsubscribeRequestMethod>)?;
        call.session().unsubscribe(&request.uri).map_err(|error| ErrorData::invalid_params(error.to_string(), None))
    }

    /// Returns the tool whose mirrored headers rmcp checks. A tool that the caller may not call has none to check.
    fn get_tool(&self, name: &str) -> Option<Tool> {
        let authorized = self.dispatcher.decide(OperationKind::Tool, name, self.created_for.caller()).ok()?;
        authorized.operation().listing().as_tool().cloned()
    }

    /// Returns what the gate has found that the caller may be notified of.
    fn accepted_subscription_filter(&self, _: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(listen::accepted(&self.created_for.subscription_filter()?))
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        if let Some(subscription) = authenticated(context.request_context())?.take_subscription() {
            listen::send_changes(&subscription, &context).await;
        }
        Ok(())
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let mut list: ListToolsResult = self.list(ListKind::Tools, request, &context)?.into();
        revision(&context).adapt_cache_hints(&mut list.ttl_ms, &mut list.cache_scope);
        Ok(list)
    }

    async fn list_prompts(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let mut list: ListPromptsResult = self.list(ListKind::Prompts, request, &context)?.into();
        revision(&context).adapt_cache_hints(&mut list.ttl_ms, &mut list.cache_scope);
        Ok(list)
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let mut list: ListResourcesResult = self.list(ListKind::Resources, request, &context)?.into();
        revision(&context).adapt_cache_hints(&mut list.ttl_ms, &mut list.cache_scope);
        Ok(list)
    }

    async fn list_resource_templates(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let mut list: ListResourceTemplatesResult = self.list(ListKind::ResourceTemplates, request, &context)?.into();
        revision(&context).adapt_cache_hints(&mut list.ttl_ms, &mut list.cache_scope);
        Ok(list)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let call = IncomingCall {
            kind: OperationKind::Tool,
            name: request.name.into_owned(),
            arguments: request.arguments,
            input: request.input_responses,
            state: request.request_state,
        };
        match self.call(call, context).await? {
            CallResponse::Complete(McpResult::Tool(result)) => Ok(result.into()),
            CallResponse::InputRequired(input) => Ok(input.into()),
            CallResponse::Task(task) => Ok(CallToolResponse::Task(CreateTaskResult::new(task))),
            CallResponse::Complete(_) => Err(unexpected_result()),
        }
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        if self.info.capabilities.completions.is_none() {
            return Err(ErrorData::method_not_found::<CompleteRequestMethod>());
        }
        let authenticated = authenticated(&context)?;
        let (kind, name) = match request.r#ref {
            Reference::Prompt(prompt) => (OperationKind::Prompt, prompt.name),
            Reference::Resource(resource) => (OperationKind::Resource, resource.uri),
            _ => return Err(ErrorData::invalid_params("`params.ref` must be a prompt or a resource template", None)),
        };
        let id = request_id(&context);
        let arguments = request.context.and_then(|context| context.arguments).unwrap_or_default();
        let completed = self.dispatcher.complete(
            authenticated.caller(),
            CompletionRequest {
                kind,
                name: &name,
                argument: &request.argument.name,
                value: &request.argument.value,
                arguments: arguments.into_iter().collect(),
                info: authenticated.info(&id, context.meta.get_traceparent()),
            },
        );
        completed.await.map_or_else(
            |error| {
                Err(match error {
                    CompletionError::Unknown => revision(&context).unknown_operation(kind, &name),
                    CompletionError::InsufficientScope(scopes) => {
                        self.insufficient_scope(kind, &name, scopes, &authenticated)
                    }
                    CompletionError::UnknownArgument => {
                        ErrorData::invalid_params(format!("the {kind} has no such argument"), None)
                    }
                    CompletionError::Failed(message) => ErrorData::internal_error(message, None),
                })
            },
            completion,
        )
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        if !self.serves(ListKind::Prompts) {
            return Err(ErrorData::method_not_found::<GetPromptRequestMethod>());
        }
        let call = IncomingCall {
            kind: OperationKind::Prompt,
            name: request.name,
            arguments: request.arguments,
            input: request.input_responses,
            state: request.request_state,
        };
        match self.call(call, context).await? {
            CallResponse::Complete(McpResult::Prompt(result)) => Ok(result.into()),
            CallResponse::InputRequired(input) => Ok(input.into()),
            CallResponse::Complete(_) | CallResponse::Task(_) => Err(unexpected_result()),
        }
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        if !self.serves(ListKind::Resources) {
            return Err(ErrorData::method_not_found::<ReadResourceRequestMethod>());
        }
        let revision = revision(&context);
        let call = IncomingCall {
            kind: OperationKind::Resource,
            name: request.uri,
            arguments: None,
            input: request.input_responses,
            state: request.request_state,
        };
        match self.call(call, context).await? {
            CallResponse::Complete(McpResult::Resource(mut result)) => {
                revision.adapt_cache_hints(&mut result.ttl_ms, &mut result.cache_scope);
                Ok(result.into())
            }
            CallResponse::InputRequired(input) => Ok(input.into()),
            CallResponse::Complete(_) | CallResponse::Task(_) => Err(unexpected_result()),
        }
    }

    async fn get_task(
        &self,
        request: GetTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        self.show_task(&request.task_id, &context).await
    }

    async fn update_task(
        &self,
        request: UpdateTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.answer_task(&request.task_id, request.input_responses, &context).await
    }

    async fn cancel_task(
        &self,
        request: CancelTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.end_task(&request.task_id, &context).await
    }
}

/// Returns values as a completion, which has at most 100 of them.
fn completion(mut values: Vec<String>) -> Result<CompleteResult, ErrorData> {
    let total = u32::try_from(values.len()).unwrap_or(u32::MAX);
    let has_more = values.len() > CompletionInfo::MAX_VALUES;
    values.truncate(CompletionInfo::MAX_VALUES);
    let info = CompletionInfo::with_pagination(values, Some(total), has_more);
    info.map(CompleteResult::new).map_err(|error| ErrorData::internal_error(error, None))
}

/// A call of a tool, or a request for a prompt or a resource, as rmcp parsed it.
struct IncomingCall {
    kind: OperationKind,
    /// Name of the tool or the prompt, or URI of the resource.
    name: String,
    arguments: Option<Map<String, Value>>,
    input: Option<InputResponses>,
    state: Option<String>,
}

/// Successful response to a call.
enum CallResponse {
    Complete(McpResult),
    InputRequired(InputRequiredResult),
    /// The call continues as a task.
    Task(Task),
}

impl Handler {
    fn serves(&self, list: ListKind) -> bool {
        self.dispatcher.registry().serves(list)
    }

    /// Returns a page of the caller's list, and records it.
    fn list(
        &self,
        kind: ListKind,
        request: Option<PaginatedRequestParams>,
        context: &RequestContext<RoleServer>,
    ) -> Result<ListPage, ErrorData> {
        if !self.serves(kind) {
            return Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, kind.method(), None));
        }
        let authenticated = authenticated(context)?;
        let caller = authenticated.caller();
        let cursor = request.and_then(|request| request.cursor);
        let id = request_id(context);
        let header = headers(context).and_then(|headers| headers.get("traceparent")?.to_str().ok());
        let info = authenticated.info(&id, context.meta.get_traceparent().or(header));
        let page = self.dispatcher.list(kind, caller, cursor.as_deref()).map_err(|error| {
            self.dispatcher.audit().rejection(info, Some(caller), Reason::InvalidCursor);
            ErrorData::invalid_params(error.to_string(), None)
        })?;
        self.dispatcher.audit().list(info, caller, kind.name(), page.len());
        Ok(page)
    }

    /// Decides, runs and records a call.
    async fn call(
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
        let call = CallRequest { kind, name: &name, arguments, info };
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
        CallRequest { kind, name, mut arguments, info }: CallRequest<'_>,
        mut context: Context,
        request: &AuthenticatedRequest,
    ) -> Result<(Result<CallResult, DecisionError>, Context), ErrorData> {
        let mut rounds = 0;
        loop {
            let can_ask = context.can_request_input() && rounds < MAX_ROUNDS;
            let arguments = if can_ask { arguments.clone() } else { std::mem::take(&mut arguments) };
            let call = CallRequest { kind, name, arguments, info };
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

    pub(super) fn insufficient_scope(
        &self,
        kind: OperationKind,
        name: &str,
        scopes: MissingScopes,
        request: &AuthenticatedRequest,
    ) -> ErrorData {
        let text = self.dispatcher.needed_scopes(kind, name, request.caller(), &scopes);
        let data = serde_json::json!({ "required": scopes.required, "missing": scopes.missing });
        request.require_step_up(StepUp { scopes, needed: text.clone() });
        ErrorData::new(ErrorCode(INSUFFICIENT_SCOPE), text, Some(data))
    }
}

/// Returns the extension that the gate added to the HTTP request of an MCP request.
///
/// # Errors
///
/// The request has none, so it did not pass the gate: it must not be served.
pub(super) fn authenticated(context: &RequestContext<RoleServer>) -> Result<AuthenticatedRequest, ErrorData> {
    let parts = context.extensions.get::<http::request::Parts>();
    parts.and_then(|parts| parts.extensions.get().cloned()).ok_or_else(|| {
        tracing::error!("a request reached the MCP handler without passing the gate");
        ErrorData::internal_error("the server could not complete the request", None)
    })
}

fn headers(context: &RequestContext<RoleServer>) -> Option<&HeaderMap> {
    context.extensions.get::<http::request::Parts>().map(|parts| &parts.headers)
}

pub(super) fn revision(context: &RequestContext<RoleServer>) -> Revision {
    Revision::of(context.protocol_version().as_ref())
}

/// Error for a function whose result is of another kind, which generated code cannot cause.
fn unexpected_result() -> ErrorData {
    ErrorData::internal_error("internal error", None)
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

#[cfg(all(test, feature = "testing"))]
mod tests {
    use rmcp::{
        model::{ClientJsonRpcMessage, JsonRpcMessage},
        service::serve_directly,
        transport::OneshotTransport,
    };
    use serde_json::json;

    use super::*;
    use crate::{
        Scopes, Server,
        auth::{Access, Caller, Claims, RevocationClock, StaticTokens},
    };

    static SCOPES: Scopes = Scopes::new(&["a:read"]);

    #[tokio::test]
    async fn a_request_that_did_not_pass_the_gate_is_not_served() {
        let server = Server::new("handler", &SCOPES).ignore_environment().auth(StaticTokens::new()).build().unwrap();
        let clock = Arc::new(RevocationClock::new(std::time::Duration::from_mins(1)));
        let caller = Arc::new(Caller::new(&Claims::new().subject("sam"), Arc::default()));
        let access = Access { caller, since: clock.epoch(), clock };
        for (method, params) in [
            ("tools/list", json!({})),
            ("tools/call", json!({ "name": "any", "arguments": {} })),
            ("logging/setLevel", json!({ "level": "info" })),
        ] {
            let handler = Handler {
                dispatcher: Arc::clone(server.dispatcher()),
                notifications: server.notifications(),
                info: Arc::default(),
                signer: Arc::new(RequestStateSigner::random()),
                tasks: None,
                created_for: AuthenticatedRequest::new(access.clone(), std::time::Instant::now(), true, None),
            };
            let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
            let message: ClientJsonRpcMessage = serde_json::from_value(message).unwrap();
            let (transport, mut responses) = OneshotTransport::new(message);
            let service = serve_directly(handler, transport, None);
            let Some(JsonRpcMessage::Error(error)) = responses.recv().await else { panic!("{method} was served") };
            assert_eq!(error.error.code, ErrorCode::INTERNAL_ERROR, "{method}");
            service.cancel().await.unwrap();
        }
    }
}
