//! Deciding, running and recording lists and calls, for the fast path and for rmcp's handler.

use std::{borrow::Cow, sync::Arc, time::Duration};

use rmcp::model::{CacheScope, ListToolsResult};
use serde_json::{Map, Value};
use tracing::{Instrument, Span};

use super::{Authorized, DecisionError, ListedTool, RegisteredTool, ToolRegistry, call::CallResult};
use crate::{
    audit::{AuditLog, CallOutcome, CallRecord, RequestInfo, RequiredBy, TraceId, audited_arguments, sanitize},
    auth::Caller,
    scope::{MissingScopes, ScopeSet},
    tool::{Context, MetConditions},
};

/// Entry point to the registered tools: creates lists, and decides, runs and records calls. The caller of
/// [`list`](Self::list) records the list.
pub(crate) struct Dispatcher {
    registry: Arc<ToolRegistry>,
    audit: AuditLog,
    /// Whether a forbidden tool is reported as a hidden one.
    conceal: bool,
    /// `ttlMs` of a list.
    list_ttl_ms: u64,
}

/// A call, as read from a request.
pub(crate) struct CallRequest<'a> {
    pub(crate) tool: &'a str,
    pub(crate) arguments: Map<String, Value>,
    pub(crate) info: RequestInfo<'a>,
}

impl Dispatcher {
    pub(crate) fn new(registry: Arc<ToolRegistry>, audit: AuditLog, conceal: bool, list_ttl: Duration) -> Self {
        let list_ttl_ms = u64::try_from(list_ttl.as_millis()).unwrap_or(u64::MAX);
        Self { registry, audit, conceal, list_ttl_ms }
    }

    pub(crate) fn registry(&self) -> &Arc<ToolRegistry> {
        &self.registry
    }

    pub(crate) fn audit(&self) -> &AuditLog {
        &self.audit
    }

    /// Decides whether `caller` may call a tool. With [`conceal`](crate::Server::conceal_forbidden_tools), a tool that
    /// the token's scopes do not allow is reported as hidden.
    pub(crate) fn decide<'a>(&'a self, tool: &str, caller: &'a Arc<Caller>) -> Result<Authorized<'a>, DecisionError> {
        self.registry.decide(tool, caller).map_err(|error| self.hide_if_concealed(error))
    }

    /// Returns the scopes that a call needs as a sentence, which is all that most clients show of an error:
    /// `payroll_summary needs payroll:read:all`.
    pub(crate) fn needed_scopes(&self, tool: &str, caller: &Caller, scopes: &MissingScopes) -> String {
        let Some(found) = self.registry.get(tool) else { return "insufficient scope".to_owned() };
        let scopes_length: usize = scopes.required.iter().map(|scope| scope.len() + " and ".len()).sum();
        let mut text = String::with_capacity(tool.len() + " needs ".len() + scopes_length);
        text.push_str(tool);
        text.push_str(" needs ");
        found.requirement().describe(&scopes.required, caller.granted(), &mut text);
        text
    }

    /// Returns the caller's tools as `tools/list` shows them.
    pub(crate) fn list(&self, caller: &Caller) -> ListToolsResult {
        self.list_of(self.registry.listed_for(caller), caller.granted())
    }

    /// Returns the list of the callers with this [visibility key](ToolRegistry::visibility_key).
    pub(crate) fn list_by_key(&self, key: &ScopeSet) -> ListToolsResult {
        self.list_of(self.registry.listed_by_key(key), key)
    }

    fn list_of<'a>(&self, tools: impl Iterator<Item = ListedTool<'a>>, granted: &ScopeSet) -> ListToolsResult {
        let shows_access = self.registry.lists_acquirable();
        let tools = tools
            .map(|listed| if shows_access { listed.with_access(granted) } else { listed.tool.listing().clone() });
        let mut result = ListToolsResult::with_all_items(tools.collect());
        result.ttl_ms = Some(self.list_ttl_ms);
        result.cache_scope = Some(CacheScope::Private);
        result
    }

    /// Decides, runs and records a call. A tool that takes a `&Context` needs `context`.
    ///
    /// # Errors
    ///
    /// The caller may not call the tool; the rejection has been recorded.
    pub(crate) async fn call(
        &self,
        caller: &Arc<Caller>,
        call: CallRequest<'_>,
        context: Option<&Context>,
    ) -> Result<CallResult, DecisionError> {
        match self.registry.decide(call.tool, caller) {
            Ok(authorized) => Ok(self.call_authorized(authorized, call.arguments, call.info, context).await),
            Err(mut error) => {
                let (info, tool) = (call.info, call.tool);
                if let DecisionError::InsufficientScope(scopes) = &mut error
                    && let Some(tool) = self.registry.get(tool).filter(|tool| tool.has_conditional_scopes())
                {
                    self.registry.add_conditional_scopes(scopes, tool, caller, call.arguments).await;
                }
                match &error {
                    DecisionError::UnknownTool => self.audit.unknown_tool(info, caller, tool),
                    DecisionError::Hidden => {
                        self.record_rejection(info, caller, tool, CallRecord::new(CallOutcome::Hidden));
                    }
                    DecisionError::InsufficientScope(scopes) => {
                        self.record_insufficient_scope(info, caller, tool, scopes);
                    }
                }
                Err(self.hide_if_concealed(error))
            }
        }
    }

    /// Runs an authorized call and records its outcome. A call that is dropped is recorded as cancelled.
    pub(crate) async fn call_authorized(
        &self,
        authorized: Authorized<'_>,
        arguments: Map<String, Value>,
        info: RequestInfo<'_>,
        context: Option<&Context>,
    ) -> CallResult {
        let tool = authorized.tool();
        let audited = audited_arguments(tool.descriptor().audit, &arguments);
        let met = MetConditions::default();
        let mut record = PendingRecord {
            audit: &self.audit,
            info,
            caller: authorized.caller(),
            tool,
            met: &met,
            arguments: audited.as_deref(),
            finished: false,
        };
        let span = call_span(tool, authorized.caller(), info);
        let mut call = self.registry.execute(authorized, arguments, context, &met).instrument(span).await;
        let reference = call.reference.as_deref();
        if let CallResult::InsufficientScope(scopes) = &mut call.result {
            // The challenge names every scope of the call (MCP, Scope Challenge): also those that the tool declares.
            let declared = record.required();
            // A call that reached its body has every scope that the tool declares for it.
            let by_conditions = scopes.missing.iter().all(|scope| declared.contains(scope));
            let required_by = if by_conditions { RequiredBy::Arguments } else { RequiredBy::Body };
            scopes.required = tool.challenged_scopes(record.caller, &met, &scopes.required);
            record.finish(CallRecord {
                required: &scopes.required,
                missing: &scopes.missing,
                required_by: Some(required_by),
                ..CallRecord::new(call.outcome)
            });
        } else {
            record.finish(CallRecord { required: &record.required(), reference, ..CallRecord::new(call.outcome) });
        }
        call.result
    }

    /// Records a call that was rejected because the token lacks scopes.
    pub(crate) fn record_insufficient_scope(
        &self,
        info: RequestInfo<'_>,
        caller: &Caller,
        tool: &str,
        scopes: &MissingScopes,
    ) {
        let record = CallRecord {
            required: &scopes.required,
            missing: &scopes.missing,
            required_by: Some(RequiredBy::Tool),
            ..CallRecord::new(CallOutcome::InsufficientScope)
        };
        self.record_rejection(info, caller, tool, record);
    }

    fn record_rejection(&self, info: RequestInfo<'_>, caller: &Caller, tool: &str, record: CallRecord<'_>) {
        match self.registry.get(tool) {
            Some(tool) => record_call(&self.audit, info, caller, tool, record),
            None => self.audit.unknown_tool(info, caller, tool),
        }
    }

    /// With concealment, reports a forbidden tool as hidden.
    fn hide_if_concealed(&self, error: DecisionError) -> DecisionError {
        match error {
            DecisionError::InsufficientScope(_) if self.conceal => DecisionError::Hidden,
            error => error,
        }
    }
}

/// A call in progress. If it is dropped before [`finish`](Self::finish), it is recorded as cancelled.
struct PendingRecord<'a> {
    audit: &'a AuditLog,
    info: RequestInfo<'a>,
    caller: &'a Caller,
    tool: &'a RegisteredTool,
    met: &'a MetConditions,
    arguments: Option<&'a str>,
    finished: bool,
}

impl<'a> PendingRecord<'a> {
    /// Returns the scopes that the tool declares for this call, as far as its conditions have been evaluated.
    fn required(&self) -> Cow<'a, [&'static str]> {
        let declared = self.tool.required_scopes();
        if self.met.is_empty() {
            return declared.into();
        }
        let mut required = declared.to_vec();
        required
            .extend(self.met.scopes(self.tool.descriptor()).into_iter().filter(|scope| !declared.contains(scope)));
        required.into()
    }

    fn finish(&mut self, record: CallRecord<'_>) {
        self.finished = true;
        let record = CallRecord { arguments: self.arguments, ..record };
        record_call(self.audit, self.info, self.caller, self.tool, record);
    }
}

impl Drop for PendingRecord<'_> {
    fn drop(&mut self) {
        if !self.finished {
            self.finish(CallRecord { required: &self.required(), ..CallRecord::new(CallOutcome::Cancelled) });
        }
    }
}

/// Creates the span of a call, so that what its guards and its body log has the request and the person. It costs nothing
/// unless a subscriber is interested.
fn call_span(tool: &RegisteredTool, caller: &Caller, info: RequestInfo<'_>) -> Span {
    tracing::info_span!(
        "tool_call",
        tool = tool.name(),
        request_id = info.sanitized_id().as_deref(),
        user = caller.user_id().map(sanitize),
        trace_id = info.trace_id.as_ref().map(TraceId::as_str),
    )
}

fn record_call(
    audit: &AuditLog,
    info: RequestInfo<'_>,
    caller: &Caller,
    tool: &RegisteredTool,
    record: CallRecord<'_>,
) {
    tool.count(record.outcome, info.received_at.elapsed());
    audit.call(info, caller, tool.name(), record);
}
