//! MCP behind the gate: what rmcp asks of a server, answered for one caller.

use std::{sync::Arc, time::Instant};

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CacheScope, CallToolRequestParams, CallToolResponse, ErrorCode, ListToolsResult, PaginatedRequestParams,
        ProtocolVersion, ServerConfig, Tool,
    },
    service::RequestContext,
};

use crate::{
    gate::{Admission, Decision, INSUFFICIENT_SCOPE},
    scope::Shortfall,
    tool::{Answer, Belonging, Called, Context, Outcome, Refusal, Registry, StateSeal, undeclared},
};

/// One request's view of the server: rmcp makes a handler for each.
#[derive(Clone)]
pub(crate) struct Handler {
    pub(crate) registry: Arc<Registry>,
    pub(crate) info: Arc<ServerConfig>,
    pub(crate) admission: Admission,
    /// How long a client may take a list for current, in milliseconds.
    pub(crate) list_ttl_ms: u64,
    pub(crate) conceal: bool,
    pub(crate) seal: Arc<StateSeal>,
}

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::clone(&self.info)
    }

    /// rmcp asks for the schema of a tool whose headers it checks; a tool that is not there for the caller has none.
    fn get_tool(&self, name: &str) -> Option<Tool> {
        let authorized = self.registry.decide(name, self.admission.caller()).ok()?;
        Some(authorized.tool().listing().clone())
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        if request.is_some_and(|request| request.cursor.is_some()) {
            return Err(ErrorData::invalid_params("the list has one page: there is no cursor to go on from", None));
        }
        let tools = self.registry.visible_to(self.admission.caller()).map(|tool| tool.listing().clone()).collect();
        let mut result = ListToolsResult::with_all_items(tools);
        result.ttl_ms = Some(self.list_ttl_ms);
        result.cache_scope = Some(CacheScope::Private);
        Ok(result)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let started = Instant::now();
        let caller = self.admission.caller();
        let request_id = context.id.to_string();
        let record = |outcome, required: &[&'static str], missing: &[&'static str]| {
            Decision {
                caller,
                request_id: &request_id,
                tool: &request.name,
                outcome,
                required,
                missing,
                since: started,
            }
            .record();
        };
        let authorized = match self.registry.decide(&request.name, caller) {
            Ok(authorized) => authorized,
            Err(refusal) => {
                let (outcome, shortfall) = match &refusal {
                    Refusal::Unknown => ("unknown_tool", None),
                    Refusal::Hidden => ("hidden", None),
                    Refusal::InsufficientScope(shortfall) => ("insufficient_scope", Some(shortfall)),
                };
                record(
                    outcome,
                    shortfall.map_or(&[], |shortfall| &shortfall.required),
                    shortfall.map_or(&[], |shortfall| &shortfall.missing),
                );
                return Err(match refusal {
                    // The gate read something else than rmcp, or it would have answered.
                    Refusal::InsufficientScope(shortfall) if !self.conceal => self.insufficient_scope(shortfall),
                    Refusal::Unknown | Refusal::Hidden | Refusal::InsufficientScope(_) => unknown_tool(&request.name),
                });
            }
        };
        let required = authorized.tool().info().scopes.clone();
        let arguments = request.arguments.unwrap_or_default();
        let call = Belonging::to(&request.name, caller, &arguments);
        let state = match request.request_state.map(|sealed| self.seal.open(&sealed, &call)).transpose() {
            Ok(state) => state,
            Err(error) => {
                tracing::debug!(%error, tool = %request.name, "refused a request state");
                record("invalid_request_state", &required, &[]);
                return Err(invalid_request_state());
            }
        };
        let context =
            Context::new(Arc::clone(caller), Arc::clone(&self.registry), context, request.input_responses, state);
        let Called { answer, outcome } = self.registry.call(authorized, arguments, &context).await;
        match answer {
            Answer::Result(result) => {
                record(outcome.name(), &required, &[]);
                Ok(result.into())
            }
            Answer::InputRequired(mut input) => {
                record(outcome.name(), &required, &[]);
                // Clients of older revisions cannot be asked at all; rmcp tells them.
                let answers =
                    context.protocol_version().is_some_and(|version| version >= ProtocolVersion::V_2026_07_28);
                let client = context.client_capabilities().unwrap_or_default();
                match undeclared(&input, &client) {
                    Some(missing) if answers => Err(ErrorData::missing_required_client_capability(missing)),
                    _ => {
                        input.request_state = input.request_state.map(|state| self.seal.seal(&state, &call));
                        Ok(input.into())
                    }
                }
            }
            Answer::InsufficientScope(mut shortfall) => {
                // One challenge names everything that the call needs, what the tool declares included.
                let declared = required.iter().filter(|scope| !shortfall.required.contains(scope)).copied();
                shortfall.required = declared.chain(shortfall.required.iter().copied()).collect();
                record(outcome.name(), &shortfall.required, &shortfall.missing);
                Err(self.insufficient_scope(shortfall))
            }
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

impl Outcome {
    fn name(self) -> &'static str {
        match self {
            Outcome::Completed => "completed",
            Outcome::Failed => "failed",
            Outcome::Masked => "internal_error",
            Outcome::Panicked => "panicked",
            Outcome::TimedOut => "timed_out",
            Outcome::Cancelled => "cancelled",
            Outcome::InvalidArguments => "invalid_arguments",
            Outcome::Denied => "denied",
            Outcome::InsufficientScope => "insufficient_scope",
        }
    }
}
