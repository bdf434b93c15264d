//! The latest decisions and their counts in memory, for the console. They exist only while a console is configured.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use super::{
    reason::{CallOutcome, Reason, RequiredBy},
    record::AuditRecord,
};
use crate::{auth::Caller, metrics::Label, operation_kind::label};

/// Maximum number of decisions. Each takes less than 3 KiB: its texts are cut to 256 bytes, and its scopes are references.
const MAX_DECISIONS: usize = 500;

/// The latest decisions of a server, and the counts of all decisions since it was built.
#[derive(Debug)]
pub(crate) struct RecentDecisions {
    decisions: Mutex<VecDeque<Arc<RecentDecision>>>,
    by_reason: Box<[AtomicU64]>,
    calls_by_outcome: Box<[AtomicU64]>,
}

/// A decision, with the fields of its audit record except for `arguments` and `granted`. It never holds a token.
#[derive(Clone, Debug)]
pub(crate) struct RecentDecision {
    pub(crate) at: SystemTime,
    pub(crate) outcome: &'static str,
    pub(crate) request_id: Option<Box<str>>,
    pub(crate) trace_id: Option<Box<str>>,
    pub(crate) user: Option<Box<str>>,
    pub(crate) organization: Option<Box<str>>,
    pub(crate) role: Option<Box<str>>,
    pub(crate) client: Option<Box<str>>,
    /// The operation, as texts name it, or the route of an app.
    pub(crate) operation: Option<Box<str>>,
    pub(crate) required: Box<[&'static str]>,
    pub(crate) missing: Box<[&'static str]>,
    pub(crate) required_by: Option<RequiredBy>,
    /// Name of the list.
    pub(crate) list: Option<&'static str>,
    /// Number of listed operations.
    pub(crate) items: Option<u64>,
    pub(crate) latency: Duration,
}

impl RecentDecisions {
    pub(crate) fn new() -> Self {
        let counters = |count| std::iter::repeat_with(AtomicU64::default).take(count).collect();
        Self {
            decisions: Mutex::default(),
            by_reason: counters(Reason::COUNT),
            calls_by_outcome: counters(CallOutcome::COUNT),
        }
    }

    /// Returns the latest decisions, the newest first.
    pub(crate) fn latest(&self) -> Vec<Arc<RecentDecision>> {
        let decisions = self.decisions.lock().unwrap_or_else(PoisonError::into_inner);
        decisions.iter().rev().cloned().collect()
    }

    /// Returns the number of decisions for each reason that occurred.
    pub(crate) fn by_reason(&self) -> Vec<(Reason, u64)> {
        occurred(&Reason::ALL, &self.by_reason)
    }

    /// Returns the number of calls for each outcome that occurred.
    pub(crate) fn calls_by_outcome(&self) -> Vec<(CallOutcome, u64)> {
        occurred(&CallOutcome::ALL, &self.calls_by_outcome)
    }

    pub(super) fn count(&self, reason: Reason) {
        increment(&self.by_reason, reason);
    }

    pub(super) fn count_call(&self, outcome: CallOutcome) {
        increment(&self.calls_by_outcome, outcome);
    }

    /// Adds a decision. The oldest one is removed if there are [`MAX_DECISIONS`].
    pub(super) fn push(&self, record: &AuditRecord<'_>) {
        // Created and dropped without the lock.
        let decision = Arc::new(RecentDecision::of(record));
        let mut decisions = self.decisions.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = (decisions.len() == MAX_DECISIONS).then(|| decisions.pop_front());
        decisions.push_back(decision);
        drop(decisions);
        drop(oldest);
    }
}

impl RecentDecision {
    fn of(record: &AuditRecord<'_>) -> Self {
        let text = |text: Option<&str>| text.map(|text| super::sanitize::text(text).into());
        let caller = |field: fn(&Caller) -> Option<&str>| text(record.caller.and_then(field));
        Self {
            at: SystemTime::now(),
            outcome: record.outcome,
            request_id: super::sanitize::request_id(record.request.id).map(Into::into),
            trace_id: record.request.trace_id.as_ref().map(|id| id.as_str().into()),
            user: caller(Caller::user_id),
            organization: caller(Caller::org_id),
            role: caller(Caller::org_role),
            client: caller(Caller::client_id),
            operation: record
                .operation
                .map(|(kind, name)| label(kind, &super::sanitize::text(name)).into())
                .or_else(|| text(record.route)),
            required: record.required.into(),
            missing: record.missing.into(),
            required_by: record.required_by,
            list: record.list,
            items: record.items,
            latency: record.request.received_at.elapsed(),
        }
    }
}

fn increment<L: Label>(counters: &[AtomicU64], label: L) {
    if let Some(counter) = counters.get(label.index()) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

fn occurred<L: Label>(labels: &[L], counters: &[AtomicU64]) -> Vec<(L, u64)> {
    let counts = labels.iter().map(|&label| {
        let count = counters.get(label.index()).map_or(0, |counter| counter.load(Ordering::Relaxed));
        (label, count)
    });
    counts.filter(|(_, count)| *count > 0).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::{audit::RequestInfo, operation_kind::OperationKind};

    #[test]
    fn the_newest_decisions_stay_with_bounded_texts() {
        let recent = RecentDecisions::new();
        let name = "x".repeat(10_000);
        for i in 0..3 * MAX_DECISIONS {
            let id = format!("{i}{name}");
            let request = RequestInfo { id: &id, trace_id: None, received_at: Instant::now() };
            recent.push(&AuditRecord {
                operation: Some((OperationKind::Tool, &name)),
                ..AuditRecord::new(request, "unknown")
            });
        }
        let latest = recent.latest();
        assert_eq!(latest.len(), MAX_DECISIONS);
        let newest = latest[0].request_id.as_deref().unwrap();
        assert!(newest.starts_with(&format!("{}x", 3 * MAX_DECISIONS - 1)), "{newest}");
        assert!(latest.iter().all(|decision| decision.operation.as_ref().unwrap().len() <= 256));
    }

    #[test]
    fn counts_are_by_reason_and_outcome() {
        let recent = RecentDecisions::new();
        recent.count(Reason::Denied);
        recent.count(Reason::Listed);
        recent.count(Reason::Denied);
        recent.count_call(CallOutcome::Denied);
        assert_eq!(recent.by_reason(), [(Reason::Listed, 1), (Reason::Denied, 2)]);
        assert_eq!(recent.calls_by_outcome(), [(CallOutcome::Denied, 1)]);
    }
}
