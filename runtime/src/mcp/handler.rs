//! rmcp's server handler: responds to requests of any caller, who comes with each of them.
#![expect(deprecated, reason = "MCP deprecates log messages for clients (SEP-2577); sessions have them")]

use std::sync::Arc;

use http::HeaderMap;
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CancelTaskParams, CompleteRequestMethod, CompleteRequestParams,
        CompleteResult, CompletionInfo, CreateTaskResult, ErrorCode, GetPromptRequestMethod, GetPromptRequestParams,
        GetPromptResponse, GetTaskParams, GetTaskResult, InitializeRequestParams, InitializeResult,
        ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams,
        ReadResourceRequestMethod, ReadResourceRequestParams, ReadResourceResponse, Reference, ServerConfig,
        SetLevelRequestMethod, SetLevelRequestParams, SubscribeRequestMethod, SubscribeRequestParams,
        SubscriptionFilter, Tool, UnsubscribeRequestMethod, UnsubscribeRequestParams, UpdateTaskParams,
    },
    service::{RequestContext, SubscriptionContext},
};

use super::{
    AuthenticatedRequest, INSUFFICIENT_SCOPE, StepUp,
    call::{CallResponse, IncomingCall},
    client_request::request_id,
    listen,
    protocol::Revision,
};
use crate::{
    audit::Reason,
    notifications::Notifications,
    operation::{OperationKind, RequestStateSigner},
    registry::{CompletionError, CompletionRequest, Dispatcher, ListKind, ListPage, McpResult},
    scope::MissingScopes,
    tasks::Tasks,
};

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
        let caller = authenticated.caller();
        let decision = self.dispatcher.registry().decide_read(&request.uri, caller);
        let decision = authenticated.while_current(decision).await?;
        if !self.dispatcher.subscribe(info, caller, &request.uri, decision) {
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

pub(super) fn headers(context: &RequestContext<RoleServer>) -> Option<&HeaderMap> {
    context.extensions.get::<http::request::Parts>().map(|parts| &parts.headers)
}

pub(super) fn revision(context: &RequestContext<RoleServer>) -> Revision {
    Revision::of(context.protocol_version().as_ref())
}

/// Error for a function whose result is of another kind, which generated code cannot cause.
pub(super) fn unexpected_result() -> ErrorData {
    ErrorData::internal_error("internal error", None)
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
                created_for: AuthenticatedRequest::new(
                    access.clone(),
                    crate::audit::RequestInfo::from_headers(&http::HeaderMap::new()),
                    true,
                    None,
                ),
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
