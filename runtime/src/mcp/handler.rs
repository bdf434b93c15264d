//! rmcp's server handler: responds to one request of one caller.

use std::sync::Arc;

use http::HeaderMap;
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, ErrorCode, InputRequiredResult, ListToolsResult,
        PaginatedRequestParams, ProtocolVersion, ServerConfig, Tool,
    },
    service::RequestContext,
};

use super::{AuthenticatedRequest, INSUFFICIENT_SCOPE, client_request::CallContext, protocol::Revision};
use crate::{
    audit::{Reason, RequestInfo, TraceId},
    registry::{CallRequest, CallResult, DecisionError, Dispatcher},
    scope::MissingScopes,
    tool::{CallBinding, Context, InputRound, RequestStateSigner, undeclared_capabilities},
};

/// Handler of one request, created by `McpService`.
#[derive(Clone)]
pub(crate) struct Handler {
    pub(crate) dispatcher: Arc<Dispatcher>,
    pub(crate) info: Arc<ServerConfig>,
    pub(crate) request: AuthenticatedRequest,
    pub(crate) signer: Arc<RequestStateSigner>,
}

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::clone(&self.info)
    }

    /// Returns the tool whose mirrored headers rmcp checks. A tool that the caller may not call has none to check.
    fn get_tool(&self, name: &str) -> Option<Tool> {
        let authorized = self.dispatcher.decide(name, self.request.caller()).ok()?;
        Some(authorized.tool().listing().clone())
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        if request.is_some_and(|request| request.cursor.is_some()) {
            return Err(ErrorData::invalid_params("invalid cursor: the list of tools has one page", None));
        }
        let caller = self.request.caller();
        let mut list = self.dispatcher.list(caller);
        Revision::of(context.protocol_version().as_ref()).adapt_list(&mut list);
        let id = context.id.to_string();
        let header = headers(&context).and_then(|headers| headers.get("traceparent")?.to_str().ok());
        let info = self.request_info(&id, context.meta.get_traceparent().or(header));
        self.dispatcher.audit().list(info, caller, list.tools.len());
        Ok(list)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        mut context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let caller = self.request.caller();
        let id = context.id.to_string();
        let arguments = self.request.take_arguments().or(request.arguments).unwrap_or_default();
        let binding = CallBinding::new(&request.name, caller, &arguments);
        let round = match &request.request_state {
            Some(signed) => self.signer.verify(signed, &binding).map_err(|_| {
                let info = self.request_info(&id, None);
                self.dispatcher.audit().rejection(info, Some(caller), Reason::InvalidRequestState);
                invalid_request_state()
            })?,
            None => InputRound::default(),
        };
        let (responses, state) = round.accept(request.input_responses.unwrap_or_default());
        let headers = context.extensions.remove::<http::request::Parts>().map(|parts| parts.headers);
        let tools = Arc::clone(self.dispatcher.registry());
        let context = CallContext { request: context, accepts_stream: self.request.accepts_stream() };
        let context = Context::new(Arc::clone(caller), tools, Box::new(context), headers.unwrap_or_default())
            .with_input(responses, state);
        let call =
            CallRequest { tool: &request.name, arguments, info: self.request_info(&id, context.traceparent()) };
        match self.dispatcher.call(caller, call, Some(&context)).await {
            Ok(CallResult::Complete(result)) => Ok(result.into()),
            Ok(CallResult::InputRequired(input)) => self.input_required(input, &binding, &context),
            // Scopes that the body required, or scopes of a tool that the gate did not see because it parsed the body
            // differently from rmcp.
            Ok(CallResult::InsufficientScope(scopes)) | Err(DecisionError::InsufficientScope(scopes)) => {
                Err(self.insufficient_scope(&request.name, scopes))
            }
            Err(DecisionError::UnknownTool | DecisionError::Hidden) => Err(unknown_tool(&request.name)),
        }
    }
}

impl Handler {
    fn request_info<'a>(&self, id: &'a str, traceparent: Option<&str>) -> RequestInfo<'a> {
        let trace_id = traceparent.and_then(TraceId::parse);
        RequestInfo { id, trace_id, received_at: self.request.received_at() }
    }

    fn input_required(
        &self,
        mut input: InputRequiredResult,
        binding: &CallBinding,
        context: &Context,
    ) -> Result<CallToolResponse, ErrorData> {
        input.request_state = Some(self.signer.sign(&InputRound::of(&input), binding));
        // rmcp rejects the result for clients of earlier revisions, which cannot be asked for input.
        let can_be_asked = context.protocol_version().is_some_and(|version| version >= ProtocolVersion::V_2026_07_28);
        let capabilities = context.client_capabilities().unwrap_or_default();
        match undeclared_capabilities(&input, &capabilities) {
            Some(missing) if can_be_asked => Err(ErrorData::missing_required_client_capability(missing)),
            _ => Ok(input.into()),
        }
    }

    fn insufficient_scope(&self, tool: &str, scopes: MissingScopes) -> ErrorData {
        let text = self.dispatcher.needed_scopes(tool, self.request.caller(), &scopes);
        let data = serde_json::json!({ "required": scopes.required, "missing": scopes.missing });
        self.request.require_step_up(scopes);
        ErrorData::new(ErrorCode(INSUFFICIENT_SCOPE), text, Some(data))
    }
}

fn headers(context: &RequestContext<RoleServer>) -> Option<&HeaderMap> {
    context.extensions.get::<http::request::Parts>().map(|parts| &parts.headers)
}

/// Error for a tool that does not exist, is hidden, or is concealed; the same in all three cases.
fn unknown_tool(name: &str) -> ErrorData {
    ErrorData::invalid_params(format!("unknown tool: {name}"), None)
}

/// Error for an invalid `requestState`; the same for every reason.
fn invalid_request_state() -> ErrorData {
    let text = "`requestState` is invalid for this call or has expired: start the call again without it";
    ErrorData::invalid_params(text, None)
}
