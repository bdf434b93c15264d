//! Deciding, running and recording lists and calls, for the fast path and for rmcp's handler.

use std::{borrow::Cow, sync::Arc, time::Duration};

use serde_json::{Map, Value};
use tracing::{Instrument, Span};

use super::{
    Authorized, DecisionError, InvalidCursor, ListKind, ListPage, RegisteredOperation, Registry, call::CallResult,
    list::Cursor,
};
use crate::{
    audit::{AuditLog, CallOutcome, CallRecord, RequestInfo, RequiredBy, TraceId, sanitize},
    auth::Caller,
    duration::millis,
    operation::{Background, Context, MetConditions, OperationKind, label},
    scope::{MissingScopes, ScopeSet},
};

/// Entry point to the registered operations: creates lists, and decides, runs and records calls. The caller of
/// [`list`](Self::list) records the list.
pub(crate) struct Dispatcher {
    registry: Arc<Registry>,
    audit: AuditLog,
    /// Whether a forbidden operation is reported as a hidden one.
    conceal: bool,
    lists: ListSettings,
}

/// Settings of all lists.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListSettings {
    /// Time for which a client may cache a list.
    pub(crate) ttl: Duration,
    /// Maximum number of operations on a page.
    pub(crate) page_size: usize,
}

/// A call of a tool, or a request for a prompt or a resource.
pub(crate) struct CallRequest<'a> {
    pub(crate) kind: OperationKind,
    /// Name of the tool or the prompt, or URI of the resource.
    pub(crate) name: &'a str,
    pub(crate) arguments: Map<String, Value>,
    pub(crate) info: RequestInfo<'a>,
    /// The operation whose rates the gate counted the request in.
    pub(crate) counted: Option<CountedOperation>,
}

/// An operation by its kind and its name, as it was declared.
pub(crate) type CountedOperation = (OperationKind, &'static str);

impl Dispatcher {
    pub(crate) fn new(registry: Arc<Registry>, audit: AuditLog, conceal: bool, lists: ListSettings) -> Self {
        Self { registry, audit, conceal, lists }
    }

    pub(crate) fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    pub(crate) fn audit(&self) -> &AuditLog {
        &self.audit
    }

    /// Decides whether `caller` is authorized for an operation. With [`conceal`](crate::Server::conceal_forbidden), one that
    /// the token's scopes do not allow is reported as hidden.
    pub(crate) fn decide<'a>(
        &'a self,
        kind: OperationKind,
        name: &str,
        caller: &'a Arc<Caller>,
    ) -> Result<Authorized<'a>, DecisionError> {
        self.registry.decide(kind, name, caller).map_err(|error| self.hide_if_concealed(error))
    }

    /// Decides about an operation as it was declared, without a call: for a URI template, about all of its resources.
    pub(super) fn decide_declared(
        &self,
        operation: &RegisteredOperation,
        caller: &Caller,
    ) -> Result<(), DecisionError> {
        self.registry.decide_declared(operation, caller).map_err(|error| self.hide_if_concealed(error))
    }

    /// Returns the scopes that a call needs as a sentence, which is all that most clients show of an error:
    /// `payroll_summary needs payroll:read:all`.
    pub(crate) fn needed_scopes(
        &self,
        kind: OperationKind,
        name: &str,
        caller: &Caller,
        scopes: &MissingScopes,
    ) -> String {
        let Some(operation) = self.named(kind, name) else { return "insufficient scope".to_owned() };
        let name = label(kind, name);
        let scopes_length: usize = scopes.required.iter().map(|scope| scope.len() + " and ".len()).sum();
        let mut text = String::with_capacity(name.len() + " needs ".len() + scopes_length);
        text.push_str(&name);
        text.push_str(" needs ");
        operation.requirement().describe(&scopes.required, caller.granted(), &mut text);
        text
    }

    /// Returns a page of the caller's list: the first, or the one at `cursor`.
    ///
    /// # Errors
    ///
    /// The cursor does not continue this list of this caller.
    pub(crate) fn list(
        &self,
        list: ListKind,
        caller: &Caller,
        cursor: Option<&str>,
    ) -> Result<ListPage, InvalidCursor> {
        let key = self.registry.visibility_key(list, caller);
        let start = cursor.map_or(Ok(0), |cursor| Cursor::decode(cursor, list, &key))?;
        Ok(self.page(list, &key, start))
    }

    /// Returns the first page of the list of the callers with this [visibility key](Registry::visibility_key).
    pub(crate) fn list_by_key(&self, list: ListKind, key: &ScopeSet) -> ListPage {
        self.page(list, key, 0)
    }

    fn page(&self, kind: ListKind, key: &ScopeSet, start: usize) -> ListPage {
        let shows_access = self.registry.lists_acquirable(kind);
        let mut listed = self.registry.listed_by_key(kind, key).skip(start);
        let items = listed
            .by_ref()
            .take(self.lists.page_size)
            .map(|listed| if shows_access { listed.with_access(key) } else { listed.operation.listing().clone() });
        let items: Vec<_> = items.collect();
        let next_cursor = listed.next().map(|_| Cursor::encode(start + items.len(), kind, key));
        let ttl_ms = millis(self.lists.ttl);
        ListPage { kind, items, next_cursor, ttl_ms }
    }

    /// Decides, runs and records a call. A function that takes a `&Context` needs `context`.
    ///
    /// # Errors
    ///
    /// The caller is not authorized for the operation; the rejection has been recorded.
    pub(crate) async fn call(
        &self,
        caller: &Arc<Caller>,
        call: CallRequest<'_>,
        context: Option<&Context>,
    ) -> Result<CallResult, DecisionError> {
        match self.registry.decide(call.kind, call.name, caller) {
            Ok(authorized) if is_uncounted(authorized.operation(), call.counted) => {
                // The gate decided otherwise: it parsed the body differently from rmcp, or the policy changed in between.
                tracing::error!(
                    operation = %authorized.operation().policy().label(),
                    "rejected a call that was not counted in the rates of its operation"
                );
                let record = CallRecord::new(CallOutcome::Hidden);
                self.record_rejection(call.info, caller, call.kind, call.name, record);
                Err(DecisionError::Hidden)
            }
            Ok(authorized) => Ok(self.call_authorized(authorized, call, context).await),
            Err(mut error) => {
                let CallRequest { kind, name, arguments, info, .. } = call;
                if let DecisionError::InsufficientScope(scopes) = &mut error
                    && let Some(found) = self.registry.find(kind, name)
                {
                    self.registry.add_conditional_scopes(scopes, found, caller, arguments).await;
                }
                match &error {
                    DecisionError::Unknown => self.audit.unknown(info, caller, kind, name),
                    DecisionError::Hidden => {
                        self.record_rejection(info, caller, kind, name, CallRecord::new(CallOutcome::Hidden));
                    }
                    DecisionError::InsufficientScope(scopes) => {
                        self.record_insufficient_scope(info, caller, kind, name, scopes);
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
        call: CallRequest<'_>,
        context: Option<&Context>,
    ) -> CallResult {
        let operation = authorized.operation();
        let audited = authorized.audited_arguments(&call.arguments);
        let CallRequest { name, arguments, info, .. } = call;
        let met = MetConditions::default();
        let mut record = PendingRecord {
            audit: &self.audit,
            info,
            caller: authorized.caller(),
            operation,
            name,
            met: &met,
            arguments: audited.as_deref(),
            task: context.and_then(Context::background).map(Background::label),
            finished: false,
        };
        let span = call_span(operation, authorized.caller(), info);
        // Boxed for the same reason as the steps of the gate: see `Gate::handle`.
        let execution = Box::pin(self.registry.execute(authorized, name, arguments, context, &met));
        let mut call = execution.instrument(span).await;
        let (reference, approval) = (call.reference.as_deref(), call.approval.as_deref());
        if let CallResult::InsufficientScope(scopes) = &mut call.result {
            // The challenge names every scope of the call (MCP, Scope Challenge): also those that are declared.
            let declared = record.required();
            // A call that reached its body has every scope that is declared for it.
            let by_conditions = scopes.missing.iter().all(|scope| declared.contains(scope));
            let required_by = if by_conditions { RequiredBy::Arguments } else { RequiredBy::Body };
            scopes.required = operation.challenged_scopes(record.caller, &met, &scopes.required);
            record.finish(CallRecord {
                required: &scopes.required,
                missing: &scopes.missing,
                required_by: Some(required_by),
                ..CallRecord::new(call.outcome)
            });
        } else {
            let required = record.required();
            record.finish(CallRecord { required: &required, reference, approval, ..CallRecord::new(call.outcome) });
        }
        call.result
    }

    /// Records a call that was rejected because the token lacks scopes.
    pub(crate) fn record_insufficient_scope(
        &self,
        info: RequestInfo<'_>,
        caller: &Caller,
        kind: OperationKind,
        name: &str,
        scopes: &MissingScopes,
    ) {
        let record = CallRecord {
            required: &scopes.required,
            missing: &scopes.missing,
            required_by: Some(RequiredBy::Operation),
            ..CallRecord::new(CallOutcome::InsufficientScope)
        };
        self.record_rejection(info, caller, kind, name, record);
    }

    /// Records a call that was rejected because it was beyond a rate. `limit` is the name of the limit.
    pub(crate) fn record_rate_limited(
        &self,
        info: RequestInfo<'_>,
        caller: &Caller,
        kind: OperationKind,
        name: &str,
        limit: &'static str,
    ) {
        let record = CallRecord { limit: Some(limit), ..CallRecord::new(CallOutcome::RateLimited) };
        self.record_rejection(info, caller, kind, name, record);
    }

    /// Records that the call of a tool continues as a task. Its end is recorded as that of every call.
    pub(crate) fn record_task_created(
        &self,
        info: RequestInfo<'_>,
        caller: &Caller,
        tool: &RegisteredOperation,
        task: &str,
        conditional_scopes: &[&'static str],
    ) {
        let mut required = tool.required_scopes().to_vec();
        required.extend(conditional_scopes.iter().filter(|scope| !tool.required_scopes().contains(scope)));
        let record =
            CallRecord { required: &required, task: Some(task), ..CallRecord::new(CallOutcome::TaskCreated) };
        self.audit.call(info, caller, tool.kind(), tool.name(), record);
    }

    /// Records that a caller is notified of a resource from now on.
    pub(super) fn record_subscribed(
        &self,
        info: RequestInfo<'_>,
        caller: &Caller,
        resource: &RegisteredOperation,
        uri: &str,
    ) {
        let uri = (resource.name() != uri).then_some(uri);
        let required = resource.required_scopes();
        let record = CallRecord { required, uri, ..CallRecord::new(CallOutcome::Subscribed) };
        self.audit.call(info, caller, resource.kind(), resource.name(), record);
    }

    pub(super) fn record_rejection(
        &self,
        info: RequestInfo<'_>,
        caller: &Caller,
        kind: OperationKind,
        name: &str,
        record: CallRecord<'_>,
    ) {
        match self.named(kind, name) {
            Some(operation) => record_call(&self.audit, info, caller, operation, name, record),
            None => self.audit.unknown(info, caller, kind, name),
        }
    }

    /// Returns the operation that a request names. A completion names a resource by its template, which is not a URI.
    fn named(&self, kind: OperationKind, name: &str) -> Option<&RegisteredOperation> {
        let found = self.registry.find(kind, name).map(|found| found.operation);
        found.or_else(|| self.registry.get(kind, name))
    }

    /// Records a completion that was rejected.
    pub(super) fn record_completion(
        &self,
        info: RequestInfo<'_>,
        caller: &Caller,
        operation: &RegisteredOperation,
        record: CallRecord<'_>,
    ) {
        record_call(&self.audit, info, caller, operation, operation.name(), record);
    }

    /// With concealment, reports a forbidden operation as hidden.
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
    operation: &'a RegisteredOperation,
    /// Name of the tool or the prompt, or URI of the resource.
    name: &'a str,
    met: &'a MetConditions,
    arguments: Option<&'a str>,
    task: Option<&'a str>,
    finished: bool,
}

impl<'a> PendingRecord<'a> {
    /// Returns the scopes that are declared for this call, as far as its conditions have been evaluated.
    fn required(&self) -> Cow<'a, [&'static str]> {
        let declared = self.operation.required_scopes();
        if self.met.is_empty() {
            return declared.into();
        }
        let mut required = declared.to_vec();
        required.extend(
            self.met.scopes(self.operation.descriptor()).into_iter().filter(|scope| !declared.contains(scope)),
        );
        required.into()
    }

    fn finish(&mut self, record: CallRecord<'_>) {
        self.finished = true;
        let record = CallRecord { arguments: self.arguments, task: self.task, ..record };
        record_call(self.audit, self.info, self.caller, self.operation, self.name, record);
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
fn call_span(operation: &RegisteredOperation, caller: &Caller, info: RequestInfo<'_>) -> Span {
    let name = |kind| (operation.kind() == kind).then(|| operation.name());
    tracing::info_span!(
        "call",
        tool = name(OperationKind::Tool),
        prompt = name(OperationKind::Prompt),
        resource = name(OperationKind::Resource),
        request_id = info.sanitized_id().as_deref(),
        user = caller.user_id().map(sanitize),
        trace_id = info.trace_id.as_ref().map(TraceId::as_str),
    )
}

/// Returns whether an operation has a rate in which a call was not counted.
fn is_uncounted(operation: &RegisteredOperation, counted: Option<CountedOperation>) -> bool {
    operation.has_rate() && counted != Some((operation.kind(), operation.name()))
}

fn record_call(
    audit: &AuditLog,
    info: RequestInfo<'_>,
    caller: &Caller,
    operation: &RegisteredOperation,
    name: &str,
    record: CallRecord<'_>,
) {
    operation.count(record.outcome, info.received_at.elapsed());
    // The URI of a resource that matches a template.
    let uri = (operation.name() != name).then_some(name);
    audit.call(info, caller, operation.kind(), operation.name(), CallRecord { uri, ..record });
}

#[cfg(all(test, feature = "rates", feature = "testing"))]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::{
        Scopes, Server,
        auth::{Claims, StaticTokens},
        prelude::tool,
    };

    static LIMITED: Scopes = Scopes::new(&["limited:read"]);

    #[tool(authenticated, scopes_in = LIMITED, rate = "100/day")]
    async fn limited() {}

    #[tool(authenticated, scopes_in = LIMITED)]
    async fn unlimited() {}

    #[tokio::test]
    async fn a_call_that_the_gate_did_not_count_for_this_operation_does_not_run() {
        let server = Server::new("rates", &LIMITED).ignore_environment().auth(StaticTokens::new()).build().unwrap();
        let caller = Arc::new(Caller::new(&Claims::new().subject("sam"), Arc::default()));
        for (name, counted, runs) in [
            ("limited", Some("limited"), true),
            ("limited", Some("unlimited"), false),
            ("limited", None, false),
            ("unlimited", None, true),
        ] {
            let info = RequestInfo { id: "1", trace_id: None, received_at: Instant::now() };
            let kind = OperationKind::Tool;
            let counted = counted.map(|name| (kind, name));
            let call = CallRequest { kind, name, arguments: Map::new(), info, counted };
            let result = server.dispatcher().call(&caller, call, None).await;
            // The response is that for an operation that does not exist.
            assert_eq!(matches!(result, Ok(CallResult::Complete(_))), runs, "{name}, counted for {counted:?}");
            assert_eq!(matches!(result, Err(DecisionError::Hidden)), !runs);
        }
    }
}
