//! Audit records: one `tracing` event and one counter increment for each decision.

use std::{fmt, sync::Arc, time::Instant};

use http::HeaderMap;
use serde_json::{Map, Value};
use tracing::{Level, field::display};

use super::{
    TARGET,
    reason::{CallOutcome, Reason, RequiredBy},
    sanitize,
    unauthenticated::{Admission, UnauthenticatedRejections},
};
use crate::{
    auth::Caller,
    metrics::{self, CounterSet, Label},
};

/// Value of the label `tool` for every tool that does not exist.
const UNKNOWN: &str = "unknown";
/// Maximum length of the caller's scopes in a record, in bytes.
const MAX_GRANTED: usize = 4 * 1024;

/// Identification of the request that a decision is about, as far as it has been read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestInfo<'a> {
    /// JSON-RPC id, as JSON or as plain text; empty while the body has not been read.
    pub(crate) id: &'a str,
    pub(crate) trace_id: Option<TraceId>,
    pub(crate) received_at: Instant,
}

impl RequestInfo<'_> {
    /// Information that the headers of a new request give.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Self {
        let trace_id = headers.get("traceparent").and_then(|value| TraceId::parse(value.to_str().ok()?));
        Self { id: "", trace_id, received_at: Instant::now() }
    }
}

/// Trace id of a W3C trace context: 32 lowercase hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TraceId([u8; 32]);

impl TraceId {
    /// Reads a `traceparent` value (Trace Context, section 3.2).
    pub(crate) fn parse(traceparent: &str) -> Option<Self> {
        sanitize::trace_id(traceparent)?.as_bytes().try_into().ok().map(Self)
    }

    fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// Outcome of a call, with the scopes that it needed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallRecord<'a> {
    pub(crate) outcome: CallOutcome,
    pub(crate) required: &'a [&'static str],
    pub(crate) missing: &'a [&'static str],
    /// What required the missing scopes.
    pub(crate) required_by: Option<RequiredBy>,
    /// Arguments that the tool opted in to record, as a JSON object.
    pub(crate) arguments: Option<&'a str>,
}

impl CallRecord<'_> {
    /// Creates the record of a call that required no scopes, as far as it is known.
    pub(crate) fn new(outcome: CallOutcome) -> Self {
        Self { outcome, required: &[], missing: &[], required_by: None, arguments: None }
    }
}

/// Writer of audit records and of the counters that go with them.
#[derive(Debug)]
pub(crate) struct AuditLog {
    /// Fingerprint of the server's policy.
    policy: String,
    decisions: CounterSet<Reason>,
    unknown_tools: CounterSet<CallOutcome>,
    unauthenticated: Arc<UnauthenticatedRejections>,
    /// Where calls are recorded in addition, if the server runs in a test.
    #[cfg(feature = "testing")]
    recorded_calls: std::sync::OnceLock<Arc<super::RecordedCalls>>,
}

impl AuditLog {
    /// Creates the audit log of a server whose policy has this fingerprint.
    pub(crate) fn new(policy: String) -> Self {
        Self {
            policy,
            decisions: CounterSet::new(metrics::DECISIONS, "reason"),
            unknown_tools: CounterSet::new(metrics::CALLS, "outcome").with_label("tool", UNKNOWN),
            unauthenticated: Arc::default(),
            #[cfg(feature = "testing")]
            recorded_calls: std::sync::OnceLock::new(),
        }
    }

    /// Records calls in memory from now on, in addition. Only the first `calls` count.
    #[cfg(feature = "testing")]
    pub(crate) fn record_calls_in(&self, calls: Arc<super::RecordedCalls>) {
        let _ = self.recorded_calls.set(calls);
    }

    /// Records a request that was rejected before it reached a tool.
    pub(crate) fn rejection(&self, request: RequestInfo<'_>, caller: Option<&Caller>, reason: Reason) {
        self.decisions.increment(reason);
        if !reason.is_logged() {
            return;
        }
        let is_unavailable = reason == Reason::AuditUnavailable;
        if caller.is_none() || is_unavailable {
            let admission = self.unauthenticated.admit(reason);
            if is_unavailable && admission == Admission::FirstCounted {
                tracing::error!("the audit log cannot be written: requests are rejected with 503");
            }
            if admission != Admission::Recorded {
                return;
            }
        }
        match caller {
            Some(caller) => self.record_of(caller, request, reason.name()),
            None => AuditRecord::new(request, reason.name()),
        }
        .emit();
    }

    /// Records the rejections that were only counted so far. Call it before the audit log is closed.
    pub(crate) fn flush(&self) {
        self.unauthenticated.flush();
    }

    /// Records a list of `tools` tools.
    pub(crate) fn list(&self, request: RequestInfo<'_>, caller: &Caller, tools: usize) {
        self.decisions.increment(Reason::Listed);
        let tools = u64::try_from(tools).ok();
        AuditRecord { tools, ..self.record_of(caller, request, Reason::Listed.name()) }.emit();
    }

    /// Records a call of a tool that does not exist.
    pub(crate) fn unknown_tool(&self, request: RequestInfo<'_>, caller: &Caller, name: &str) {
        let outcome = CallOutcome::UnknownTool;
        self.decisions.increment(outcome.reason());
        self.unknown_tools.increment(outcome);
        #[cfg(feature = "testing")]
        if let Some(calls) = self.recorded_calls.get() {
            calls.record(request, outcome, &[], &[]);
        }
        AuditRecord { tool: Some(name), ..self.record_of(caller, request, outcome.name()) }.emit();
    }

    /// Records a call of a registered tool.
    pub(crate) fn call(&self, request: RequestInfo<'_>, caller: &Caller, tool: &str, call: CallRecord<'_>) {
        self.decisions.increment(call.outcome.reason());
        #[cfg(feature = "testing")]
        if let Some(calls) = self.recorded_calls.get() {
            calls.record(request, call.outcome, call.required, call.missing);
        }
        AuditRecord {
            tool: Some(tool),
            required: call.required,
            missing: call.missing,
            required_by: call.required_by,
            arguments: call.arguments,
            ..self.record_of(caller, request, call.outcome.name())
        }
        .emit();
    }

    /// Creates a record with the caller and the policy by which the request was decided.
    fn record_of<'a>(
        &'a self,
        caller: &'a Caller,
        request: RequestInfo<'a>,
        outcome: &'static str,
    ) -> AuditRecord<'a> {
        AuditRecord { caller: Some(caller), policy: Some(&self.policy), ..AuditRecord::new(request, outcome) }
    }
}

/// Selects the arguments in `names` and returns them as a JSON object, with long values shortened. `None` if no name is
/// given or found, or if the audit log is disabled.
pub(crate) fn audited_arguments(names: &[&'static str], arguments: &Map<String, Value>) -> Option<String> {
    if names.is_empty() || !tracing::enabled!(target: TARGET, Level::INFO) {
        return None;
    }
    let selected: Map<_, _> =
        names.iter().filter_map(|&name| Some((name.to_owned(), sanitize::value(arguments.get(name)?)))).collect();
    (!selected.is_empty()).then(|| Value::Object(selected).to_string())
}

/// Records a number of rejections that have no record of their own.
pub(super) fn record_counted(reason: Reason, count: u64) {
    let request = RequestInfo { id: "", trace_id: None, received_at: Instant::now() };
    AuditRecord { count: Some(count), ..AuditRecord::new(request, reason.name()) }.emit();
}

/// One event of the audit log. It never holds a token.
struct AuditRecord<'a> {
    request: RequestInfo<'a>,
    caller: Option<&'a Caller>,
    policy: Option<&'a str>,
    tool: Option<&'a str>,
    outcome: &'static str,
    required: &'a [&'static str],
    missing: &'a [&'static str],
    required_by: Option<RequiredBy>,
    tools: Option<u64>,
    arguments: Option<&'a str>,
    /// Number of decisions, if it is not one.
    count: Option<u64>,
}

impl<'a> AuditRecord<'a> {
    fn new(request: RequestInfo<'a>, outcome: &'static str) -> Self {
        Self {
            request,
            caller: None,
            policy: None,
            tool: None,
            outcome,
            required: &[],
            missing: &[],
            required_by: None,
            tools: None,
            arguments: None,
            count: None,
        }
    }

    fn emit(&self) {
        if !tracing::enabled!(target: TARGET, Level::INFO) {
            return;
        }
        let caller = |field: fn(&Caller) -> Option<&str>| self.caller.and_then(field).map(sanitize::text);
        let (user, organization) = (caller(Caller::user_id), caller(Caller::org_id));
        let (role, client) = (caller(Caller::org_role), caller(Caller::client_id));
        let request_id = sanitize::request_id(self.request.id);
        let tool = self.tool.map(sanitize::text);
        let (granted, granted_omitted) = match self.caller.map(GrantedScopes::of) {
            Some(GrantedScopes::Recorded(caller)) => (Some(display(SpaceSeparated(|| caller.scopes()))), None),
            Some(GrantedScopes::Omitted(count)) => (None, Some(count)),
            None => (None, None),
        };
        let required = space_separated(self.required).map(display);
        let missing = space_separated(self.missing).map(display);
        let latency = self.count.is_none().then(|| self.request.received_at.elapsed().as_micros());
        tracing::info!(
            target: TARGET,
            outcome = self.outcome,
            request_id = request_id.as_deref(),
            trace_id = self.request.trace_id.as_ref().map(TraceId::as_str),
            user = user.as_deref(),
            organization = organization.as_deref(),
            role = role.as_deref(),
            client = client.as_deref(),
            granted,
            granted_omitted,
            policy = self.policy,
            tool = tool.as_deref(),
            required,
            missing,
            required_by = self.required_by.map(RequiredBy::name),
            tools = self.tools,
            arguments = self.arguments,
            count = self.count,
            latency_us = latency.map(|micros| u64::try_from(micros).unwrap_or(u64::MAX)),
            "decision"
        );
    }
}

/// How the scopes of a caller are recorded.
enum GrantedScopes<'a> {
    /// As text.
    Recorded(&'a Caller),
    /// As their number, because the text is too long.
    Omitted(u64),
}

impl<'a> GrantedScopes<'a> {
    fn of(caller: &'a Caller) -> Self {
        let (count, length) =
            caller.scopes().fold((0_u64, 0_usize), |(count, length), scope| (count + 1, length + 1 + scope.len()));
        // One space less than scopes.
        if length > MAX_GRANTED + 1 { Self::Omitted(count) } else { Self::Recorded(caller) }
    }
}

/// Formats scopes as RFC 6749, section 3.3. `None` if there are none.
fn space_separated<'a>(scopes: &'a [&'static str]) -> Option<impl fmt::Display + use<'a>> {
    (!scopes.is_empty()).then_some(SpaceSeparated(|| scopes.iter().copied()))
}

/// Scopes in the form of RFC 6749, section 3.3.
struct SpaceSeparated<F>(F);

impl<F: Fn() -> I, I: Iterator<Item = &'static str>> fmt::Display for SpaceSeparated<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, scope) in self.0().enumerate() {
            let space = if i == 0 { "" } else { " " };
            write!(f, "{space}{scope}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        auth::Claims,
        scope::{ScopeIndex, Scopes},
    };

    #[test]
    fn the_text_of_granted_scopes_is_bounded() {
        let name = |i: usize| -> &'static str { format!("scope:{i:0>58}").leak() };
        let names: &'static [&'static str; 64] = Box::leak(Box::new(std::array::from_fn(name)));
        let index = Arc::new(ScopeIndex::new([&*Box::leak(Box::new(Scopes::new(names)))]));
        let caller =
            |count: usize| Caller::new(&Claims::new().scopes(names[..count].iter().copied()), Arc::clone(&index));
        let text = |caller: &Caller| SpaceSeparated(|| caller.scopes()).to_string();
        assert!(matches!(GrantedScopes::of(&caller(0)), GrantedScopes::Recorded(caller) if text(caller).is_empty()));
        assert!(matches!(
            GrantedScopes::of(&caller(63)),
            GrantedScopes::Recorded(caller) if text(caller).len() == 63 * 65 - 1
        ));
        // 64 scopes of 64 bytes and 63 spaces.
        assert!(matches!(GrantedScopes::of(&caller(64)), GrantedScopes::Omitted(64)));
    }
}
