//! The audit log of a server: one record and one counter increment for each decision.

use std::sync::Arc;

use serde_json::{Map, Value};
use tracing::Level;

use super::{
    TARGET,
    reason::{CallOutcome, Reason, RequiredBy},
    record::{AuditRecord, RequestInfo},
    sanitize,
    unauthenticated::{Admission, UnauthenticatedRejections},
};
use crate::{
    auth::Caller,
    metrics::{self, CounterSet, Label, OPERATIONS},
    operation_kind::OperationKind,
    scope::MissingScopes,
    traces,
};

/// Value of the labels `tool`, `prompt` and `resource` for everything that does not exist.
const UNKNOWN: &str = "unknown";

/// Outcome of a call, with the scopes that it needed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallRecord<'a> {
    pub(crate) outcome: CallOutcome,
    pub(crate) required: &'a [&'static str],
    pub(crate) missing: &'a [&'static str],
    /// What required the missing scopes.
    pub(crate) required_by: Option<RequiredBy>,
    /// URI of a resource that matches a template.
    pub(crate) uri: Option<&'a str>,
    /// Arguments that the operation opted in to record, as a JSON object.
    pub(crate) arguments: Option<&'a str>,
    /// Reference of a masked error.
    pub(crate) reference: Option<&'a str>,
    /// Reference of the approval that the call needed or used.
    pub(crate) approval: Option<&'a str>,
    /// Name of the task that the call belongs to.
    pub(crate) task: Option<&'a str>,
    /// Name of the limit that the call was beyond.
    pub(crate) limit: Option<&'static str>,
}

impl CallRecord<'_> {
    /// Creates the record of a call that required no scopes, as far as it is known.
    pub(crate) fn new(outcome: CallOutcome) -> Self {
        Self {
            outcome,
            required: &[],
            missing: &[],
            required_by: None,
            uri: None,
            arguments: None,
            reference: None,
            approval: None,
            task: None,
            limit: None,
        }
    }
}

/// Writer of audit records and of the counters that go with them.
#[derive(Debug)]
pub(crate) struct AuditLog {
    /// Fingerprint of the server's policy.
    policy: String,
    decisions: CounterSet<Reason>,
    unknown: [CounterSet<CallOutcome>; 3],
    unauthenticated: Arc<UnauthenticatedRejections>,
    /// The latest decisions, if a console shows them.
    #[cfg(feature = "console")]
    recent: Option<Arc<super::RecentDecisions>>,
    /// Where calls are recorded in addition, if the server runs in a test.
    #[cfg(feature = "testing")]
    recorded_calls: std::sync::OnceLock<Arc<super::RecordedCalls>>,
}

impl AuditLog {
    /// Creates the audit log of a server whose policy has this fingerprint.
    pub(crate) fn new(policy: String) -> Self {
        Self {
            policy,
            decisions: CounterSet::new(metrics::DECISIONS),
            unknown: OPERATIONS.map(|operation| operation.outcomes(UNKNOWN)),
            unauthenticated: Arc::default(),
            #[cfg(feature = "console")]
            recent: None,
            #[cfg(feature = "testing")]
            recorded_calls: std::sync::OnceLock::new(),
        }
    }

    /// Stores the latest decisions in memory, in addition.
    #[cfg(feature = "console")]
    pub(crate) fn keep_recent(mut self) -> Self {
        self.recent = Some(Arc::new(super::RecentDecisions::new()));
        self
    }

    /// Returns the latest decisions, if they are stored.
    #[cfg(feature = "console")]
    pub(crate) fn recent(&self) -> Option<&Arc<super::RecentDecisions>> {
        self.recent.as_ref()
    }

    /// Records calls in memory from now on, in addition. Only the first `calls` count.
    #[cfg(feature = "testing")]
    pub(crate) fn record_calls_in(&self, calls: Arc<super::RecordedCalls>) {
        let _ = self.recorded_calls.set(calls);
    }

    /// Records a request that was rejected before it reached an operation.
    pub(crate) fn rejection(&self, request: RequestInfo<'_>, caller: Option<&Caller>, reason: Reason) {
        self.count(reason);
        traces::ended(reason.ending());
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
        self.emit(&match caller {
            Some(caller) => self.record_of(caller, request, reason.name()),
            None => AuditRecord::new(request, reason.name()),
        });
    }

    /// Records a request that was rejected because it was beyond the rate of its caller. `limit` is the name of the limit.
    pub(crate) fn rate_limited(&self, request: RequestInfo<'_>, caller: &Caller, limit: &'static str) {
        self.count(Reason::RateLimited);
        traces::ended(Reason::RateLimited.ending());
        self.emit(&AuditRecord { limit: Some(limit), ..self.record_of(caller, request, Reason::RateLimited.name()) });
    }

    /// Records the rejections that were only counted so far. Call it before the audit log is closed.
    pub(crate) fn flush(&self) {
        self.unauthenticated.flush();
    }

    /// Records a page of `items` operations of the list named `list`.
    pub(crate) fn list(&self, request: RequestInfo<'_>, caller: &Caller, list: &'static str, items: usize) {
        self.count(Reason::Listed);
        traces::ended(Reason::Listed.ending());
        let items = u64::try_from(items).ok();
        self.emit(&AuditRecord { list: Some(list), items, ..self.record_of(caller, request, Reason::Listed.name()) });
    }

    /// Records a request for an operation that does not exist.
    pub(crate) fn unknown(&self, request: RequestInfo<'_>, caller: &Caller, kind: OperationKind, name: &str) {
        let outcome = CallOutcome::Unknown;
        traces::ended(outcome.ending(kind));
        self.count_call(outcome);
        self.unknown[kind as usize].increment(outcome);
        #[cfg(feature = "testing")]
        if let Some(calls) = self.recorded_calls.get() {
            calls.record(request, outcome, &[], &[]);
        }
        let operation = Some((kind, name));
        self.emit(&AuditRecord { operation, ..self.record_of(caller, request, outcome.name()) });
    }

    /// Records a call of a registered operation, which is named as it was declared.
    pub(crate) fn call(
        &self,
        request: RequestInfo<'_>,
        caller: &Caller,
        kind: OperationKind,
        name: &str,
        call: CallRecord<'_>,
    ) {
        self.count_call(call.outcome);
        traces::ended(call.outcome.ending(kind));
        #[cfg(feature = "testing")]
        if let Some(calls) = self.recorded_calls.get() {
            calls.record(request, call.outcome, call.required, call.missing);
        }
        self.emit(&AuditRecord {
            operation: Some((kind, name)),
            uri: call.uri,
            required: call.required,
            missing: call.missing,
            required_by: call.required_by,
            arguments: call.arguments,
            reference: call.reference,
            approval: call.approval,
            task: call.task,
            limit: call.limit,
            ..self.record_of(caller, request, call.outcome.name())
        });
    }

    /// Records the decision about a request to a route of an app. `missing` are the scopes that the token lacks, and what
    /// requires them; `None` if the request was let through.
    pub(crate) fn route(
        &self,
        request: RequestInfo<'_>,
        caller: &Caller,
        route: &str,
        missing: Option<(&MissingScopes, RequiredBy)>,
    ) {
        let reason = if missing.is_some() { Reason::InsufficientScope } else { Reason::Allowed };
        self.count(reason);
        let (scopes, required_by) = missing.unzip();
        self.emit(&AuditRecord {
            route: Some(route),
            required: scopes.map_or(&[], |scopes| &scopes.required),
            missing: scopes.map_or(&[], |scopes| &scopes.missing),
            required_by,
            ..self.record_of(caller, request, reason.name())
        });
    }

    /// Records what happened on the page of an approval. `caller` is the person who did it, as far as it is known.
    #[cfg(feature = "approvals")]
    pub(crate) fn approval(
        &self,
        request: RequestInfo<'_>,
        caller: &Caller,
        tool: &str,
        event: super::ApprovalEvent,
        reference: &str,
    ) {
        self.emit(&AuditRecord {
            operation: Some((OperationKind::Tool, tool)),
            approval: Some(reference),
            ..self.record_of(caller, request, event.name())
        });
    }

    /// Counts a decision.
    fn count(&self, reason: Reason) {
        self.decisions.increment(reason);
        #[cfg(feature = "console")]
        if let Some(recent) = &self.recent {
            recent.count(reason);
        }
    }

    /// Counts the decision about a call. The metrics have the outcome for each tool, so only the console counts it here.
    fn count_call(&self, outcome: CallOutcome) {
        self.count(outcome.reason());
        #[cfg(feature = "console")]
        if let Some(recent) = &self.recent {
            recent.count_call(outcome);
        }
    }

    /// Writes a record.
    #[cfg_attr(not(feature = "console"), expect(clippy::unused_self, reason = "only the console keeps records"))]
    fn emit(&self, record: &AuditRecord<'_>) {
        record.emit();
        #[cfg(feature = "console")]
        if let Some(recent) = &self.recent {
            recent.push(record);
        }
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
