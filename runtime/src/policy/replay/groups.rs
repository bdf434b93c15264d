//! Grouping calls, with a bound on the number of groups.

use std::{collections::HashMap, hash::Hash};

use crate::operation::{OperationKind, label};

use super::{ReplayChange, ReplayEffect, UndecidedCalls, UndecidedReason, record::RecordedCall};

/// Calls counted by a key.
pub(super) struct Groups<K> {
    tallies: HashMap<K, Tally>,
    max: usize,
    more: u64,
}

/// Calls of one group.
#[derive(Debug, Default)]
struct Tally {
    calls: u64,
    first: Option<String>,
    last: Option<String>,
}

/// Operation of recorded calls. The order is that of policies.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct RecordedOperation {
    kind: OperationKind,
    name: String,
}

impl RecordedOperation {
    pub(super) fn of(call: &RecordedCall) -> Self {
        Self { kind: call.kind, name: call.name.clone() }
    }

    fn label(&self) -> String {
        label(self.kind, &self.name).into_owned()
    }
}

/// Which operation was used by whom.
#[derive(PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct CallsOfCaller {
    operation: RecordedOperation,
    user: Option<String>,
    organization: Option<String>,
    role: Option<String>,
}

impl CallsOfCaller {
    pub(super) fn new(call: &RecordedCall) -> Self {
        Self {
            operation: RecordedOperation::of(call),
            user: call.user.clone(),
            organization: call.organization.clone(),
            role: call.role.clone(),
        }
    }
}

impl<K: Eq + Hash> Groups<K> {
    pub(super) fn new(max: usize) -> Self {
        Self { tallies: HashMap::new(), max, more: 0 }
    }

    /// Adds a call. A call that would need a group beyond the maximum is only counted.
    pub(super) fn add(&mut self, key: K, time: Option<String>) {
        if self.tallies.len() >= self.max && !self.tallies.contains_key(&key) {
            self.more += 1;
            return;
        }
        let tally = self.tallies.entry(key).or_default();
        tally.calls += 1;
        // Rotated files can be read in any order. Times in UTC sort as text.
        if let Some(time) = time {
            if tally.first.as_ref().is_none_or(|first| time < *first) {
                tally.first = Some(time.clone());
            }
            if tally.last.as_ref().is_none_or(|last| time > *last) {
                tally.last = Some(time);
            }
        }
    }

    /// Returns the number of calls in no group.
    pub(super) fn more(&self) -> u64 {
        self.more
    }
}

pub(super) fn changes(groups: Groups<(CallsOfCaller, ReplayEffect)>) -> Vec<ReplayChange> {
    let mut groups: Vec<_> = groups.tallies.into_iter().collect();
    groups.sort_by_cached_key(|((caller, what), _)| {
        (
            caller.operation.clone(),
            caller.user.clone(),
            caller.organization.clone(),
            caller.role.clone(),
            what.to_string(),
        )
    });
    let change = |((caller, what), tally): (_, Tally)| {
        let CallsOfCaller { operation, user, organization, role } = caller;
        ReplayChange {
            operation: operation.label(),
            user,
            organization,
            role,
            what,
            calls: tally.calls,
            first: tally.first,
            last: tally.last,
        }
    };
    groups.into_iter().map(change).collect()
}

pub(super) fn undecided_calls(groups: Groups<(RecordedOperation, UndecidedReason)>) -> Vec<UndecidedCalls> {
    let mut groups: Vec<_> = groups.tallies.into_iter().collect();
    groups.sort_by_cached_key(|((operation, because), _)| (operation.clone(), because.to_string()));
    let calls = |((operation, because), tally): ((RecordedOperation, _), Tally)| UndecidedCalls {
        operation: operation.label(),
        because,
        calls: tally.calls,
    };
    groups.into_iter().map(calls).collect()
}
