//! MCP behind the gate: what rmcp asks of a server, answered for one caller.

use std::sync::Arc;

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, ErrorCode, ListToolsResult, PaginatedRequestParams, ProtocolVersion,
        ServerConfig, Tool,
    },
    service::RequestContext,
};

use crate::{
    gate::{Admission, Asked, Call, Dispatched, Dispatcher, INSUFFICIENT_SCOPE, Reason},
    scope::Shortfall,
    tool::{Belonging, Context, StateSeal, undeclared},
};

/// One request's view of the server: rmcp makes a handler for each.
#[derive(Clone)]
pub(crate) struct Handler {
    pub(crate) dispatcher: Arc<Dispatcher>,
    pub(crate) info: Arc<ServerConfig>,
    pub(crate) admission: Admission,
    /// Seals what tools give the client to bring back.
    pub(crate) seal: Arc<StateSeal>,
}

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::clone(&self.info)
    }

    /// rmcp asks for the schema of a tool whose headers it checks; a tool that is not there for the caller has none.
    fn get_tool(&self, name: &str) -> Option<Tool> {
        let authorized = self.dispatcher.registry().decide(name, self.admission.caller()).ok()?;
        Some(authorized.tool().listing().clone())
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        if request.is_some_and(|request| request.cursor.is_some()) {
            return Err(ErrorData::invalid_params("the list has one page: there is no cursor to go on from", None));
        }
        let caller = self.admission.caller();
        let list = self.dispatcher.listings().of(caller);
        let headers = context.extensions.get::<http::request::Parts>().map(|parts| &parts.headers);
        let header = headers.and_then(|headers| headers.get("traceparent")).and_then(|value| value.to_str().ok());
        let asked = Asked {
            id: &context.id.to_string(),
            traceparent: context.meta.get_traceparent().or(header),
            since: self.admission.arrived(),
        };
        self.dispatcher.trail().listed(asked, caller, list.tools.len());
        Ok(list)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let caller = self.admission.caller();
        let request_id = context.id.to_string();
        let arguments = request.arguments.unwrap_or_default();
        let belonging = Belonging::to(&request.name, caller, &arguments);
        let request_state = match &request.request_state {
            Some(sealed) => Some(self.seal.open(sealed, &belonging).map_err(|_| {
                let asked = Asked { id: &request_id, traceparent: None, since: self.admission.arrived() };
                self.dispatcher.trail().refused(asked, Some(caller), Reason::InvalidRequestState);
                invalid_request_state()
            })?),
            None => None,
        };
        let context = Context::new(
            Arc::clone(caller),
            Arc::clone(self.dispatcher.registry()),
            context,
            request.input_responses,
            request_state,
        );
        let call = Call {
            name: &request.name,
            arguments,
            asked: Asked { id: &request_id, traceparent: context.traceparent(), since: self.admission.arrived() },
        };
        match self.dispatcher.call(caller, call, Some(&context)).await {
            Dispatched::Result(result) => Ok(result.into()),
            Dispatched::InputRequired(mut input) => {
                input.request_state = input.request_state.map(|state| self.seal.seal(&state, &belonging));
                // Clients of older revisions cannot be asked at all; rmcp tells them.
                let answers =
                    context.protocol_version().is_some_and(|version| version >= ProtocolVersion::V_2026_07_28);
                let client = context.client_capabilities().unwrap_or_default();
                match undeclared(&input, &client) {
                    Some(missing) if answers => Err(ErrorData::missing_required_client_capability(missing)),
                    _ => Ok(input.into()),
                }
            }
            Dispatched::UnknownTool => Err(unknown_tool(&request.name)),
            // The gate read something else than rmcp, or the body asked for more.
            Dispatched::InsufficientScope(shortfall) => Err(self.insufficient_scope(shortfall)),
        }
    }
}

impl Handler {
    fn insufficient_scope(&self, shortfall: Shortfall) -> ErrorData {
        let data = serde_json::json!({ "required": shortfall.required, "missing": shortfall.missing });
        self.admission.refuse(shortfall);
        ErrorData::new(ErrorCode(INSUFFICIENT_SCOPE), "insufficient scope", Some(data))
    }
}

/// The same for a tool that does not exist, one that is hidden, and one that is concealed.
fn unknown_tool(name: &str) -> ErrorData {
    ErrorData::invalid_params(format!("unknown tool: {name}"), None)
}

/// One wording for every way in which a state can be wrong.
fn invalid_request_state() -> ErrorData {
    let text = "the request state is not one that this server gave for this call, or it is too old: start over";
    ErrorData::invalid_params(text, None)
}
