//! Grouping calls, with a bound on the number of groups.

use std::{collections::HashMap, hash::Hash};

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

/// Which tool was called by whom.
#[derive(PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct CallsOfCaller {
    tool: String,
    user: Option<String>,
    organization: Option<String>,
    role: Option<String>,
}

impl CallsOfCaller {
    pub(super) fn new(call: &RecordedCall) -> Self {
        Self {
            tool: call.tool.clone(),
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
        (caller.tool.clone(), caller.user.clone(), caller.organization.clone(), caller.role.clone(), what.to_string())
    });
    let change = |((caller, what), tally): (_, Tally)| {
        let CallsOfCaller { tool, user, organization, role } = caller;
        ReplayChange {
            tool,
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

pub(super) fn undecided_calls(groups: Groups<(String, UndecidedReason)>) -> Vec<UndecidedCalls> {
    let mut groups: Vec<_> = groups
        .tallies
        .into_iter()
        .map(|((tool, because), tally)| UndecidedCalls { tool, because, calls: tally.calls })
        .collect();
    groups.sort_by_cached_key(|calls| (calls.tool.clone(), calls.because.to_string()));
    groups
}
