//! Deciding the calls of an audit log again: what a change of the policy would have meant for them.

mod decide;
mod display;
mod groups;
mod lines;
mod record;

use std::io::{self, BufRead};

use serde::Serialize;

use self::{
    decide::{Decider, Replayed},
    groups::{CallsOfCaller, Groups, RecordedOperation},
    lines::{Line, Lines},
    record::Record,
};
use super::{Access, Policy, RuntimeCheck};

/// Maximum length of a line, in bytes. A record is far below it.
const MAX_LINE: usize = 1024 * 1024;
/// Maximum number of [`Replay::changes`], and of [`Replay::undecided_calls`].
const MAX_GROUPS: usize = 10_000;
/// Maximum number of [`Replay::first_unreadable_lines`].
const MAX_LINE_NUMBERS: usize = 5;

/// What a policy would change for recorded calls; the result of [`Policy::replay`]. `Display` prints one line for each
/// change, and the totals.
///
/// Text from the log is cut to 256 bytes, and control characters and invisible ones are replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Replay {
    /// Number of records of calls of tools, and of requests for prompts and resources. It is the sum of the next four.
    pub calls: u64,
    /// Number of calls that the policy decides as they were decided.
    pub unchanged: u64,
    /// Number of calls that were let through and would be rejected.
    pub would_be_rejected: u64,
    /// Number of calls that were rejected and would be allowed.
    pub would_be_allowed: u64,
    /// Number of calls whose decision depends on what the log does not contain.
    pub undecided: u64,
    /// Number of unchanged calls that were decided by the same policy, according to its fingerprint.
    pub same_policy: u64,
    /// Number of other records: lists, and requests that were rejected before they reached an operation.
    pub other_records: u64,
    /// Number of lines that are not audit records, or longer than 1 MiB.
    pub unreadable_lines: u64,
    /// Numbers of the first 5 of these lines. The first line is 1.
    pub first_unreadable_lines: Vec<u64>,
    /// The changes, sorted by operation and caller.
    pub changes: Vec<ReplayChange>,
    /// Number of calls that would be decided differently and are in none of the `changes`, of which there are at most
    /// 10,000.
    pub more_changed: u64,
    /// The undecided calls, sorted by operation.
    pub undecided_calls: Vec<UndecidedCalls>,
    /// Number of undecided calls that are in none of the `undecided_calls`, of which there are at most 10,000.
    pub more_undecided: u64,
}

/// Calls of an operation by one caller that a policy would decide differently. `Display` prints a line, such as
/// `payroll_summary: 12 calls by user u_3 (HR) would be rejected: missing payroll:read:all (2026-10-02 to 2026-10-30)`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ReplayChange {
    /// The operation, as [`OperationPolicy::label`](super::OperationPolicy::label) names it.
    pub operation: String,
    /// ID of the user.
    pub user: Option<String>,
    /// ID of the organization.
    pub organization: Option<String>,
    /// Role of the user in the organization.
    pub role: Option<String>,
    /// What would happen.
    pub what: ReplayEffect,
    /// Number of calls.
    pub calls: u64,
    /// Time of the first call, as recorded. `None` if no record has a time.
    pub first: Option<String>,
    /// Time of the last call, as recorded.
    pub last: Option<String>,
}

/// How a recorded call would be decided instead.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case", tag = "effect")]
#[non_exhaustive]
pub enum ReplayEffect {
    /// The call was let through. It would be rejected.
    #[non_exhaustive]
    WouldBeRejected {
        /// Why: missing scopes, a hidden operation, or an unknown one.
        because: Access,
    },
    /// The call was rejected. It would be allowed.
    WouldBeAllowed,
}

/// Calls of an operation whose decision depends on what the log does not contain. `Display` prints a line, such as
/// ``ticket_update: 41 calls undecided: allowed, if the guard `own_ticket(caller)` allows``.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UndecidedCalls {
    /// The operation, as [`OperationPolicy::label`](super::OperationPolicy::label) names it.
    pub operation: String,
    /// Why they are undecided.
    pub because: UndecidedReason,
    /// Number of calls.
    pub calls: u64,
}

/// Reason why a recorded call cannot be decided.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum UndecidedReason {
    /// Only a server can make these checks. It is not recorded whether the server made the same ones then.
    Checks(Vec<RuntimeCheck>),
    /// A guard or the body denied the call, and the operation has no guard in this policy.
    Denied,
    /// The record does not contain the caller's scopes, because an earlier version wrote it, or because their text was
    /// longer than 4 KiB.
    UnknownScopes,
}

impl Policy {
    /// Decides the calls of an audit log again, and reports for which callers this policy would change the decision.
    ///
    /// `records` are the JSON lines that `audit::JsonLines` writes, or other lines with the fields of
    /// [the audit log](crate::audit). Join rotated files with [`Read::chain`](std::io::Read::chain).
    ///
    /// ```
    /// use toolgate::policy::Policy;
    ///
    /// let log = r#"{"time":"2026-10-02T08:15:00.000000Z","outcome":"completed","user":"u_3","role":"HR","granted":"employees:read","policy":"9f2d61c07b3e84a5","tool":"payroll_summary","required":"employees:read"}
    /// {"time":"2026-10-30T17:02:11.000000Z","outcome":"completed","user":"u_3","role":"HR","granted":"employees:read","policy":"9f2d61c07b3e84a5","tool":"payroll_summary","required":"employees:read"}
    /// "#;
    /// let policy = Policy::from_lock(
    ///     "scope employees:read\nscope payroll:read:all\n\ntool payroll_summary\n  scopes payroll:read:all\n",
    /// )?;
    /// let replay = policy.replay(log.as_bytes())?;
    /// assert!(!replay.is_unchanged());
    /// assert_eq!(
    ///     replay.changes[0].to_string(),
    ///     "payroll_summary: 2 calls by user u_3 (HR) would be rejected: missing payroll:read:all (2026-10-02 to 2026-10-30)"
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// A call is decided by the code of [`access`](Policy::access), for a token with the recorded scopes, organization and
    /// role. A resource is found by the recorded URI, so a policy with other templates decides it by the one that matches. A
    /// field that is absent is one that the caller did not have. If the fingerprint in a record is that of this
    /// policy, the call is unchanged.
    ///
    /// # What a log does not tell
    ///
    /// - The recorded scopes include those that the hierarchy implied then. A rule of the hierarchy that this policy no
    ///   longer has is therefore not seen. A scope that was in no list of the server is not recorded, and counts as
    ///   missing.
    /// - Calls of an operation with guards or visibility functions, with a condition whose scopes the token lacks, or of a
    ///   server with deny rules are [undecided](Replay::undecided) unless this policy rejects them anyway, or unless the
    ///   record shows that the condition was true and that a condition of this policy requires the same scopes.
    /// - A scope that a body required ([`Caller::require`](crate::Caller::require)) is assumed to be required
    ///   still.
    ///
    /// # Errors
    ///
    /// If reading fails. Lines that cannot be understood are skipped and counted.
    pub fn replay(&self, records: impl BufRead) -> io::Result<Replay> {
        let decider = Decider::new(self);
        let fingerprint = self.fingerprint();
        let mut replay = Replay::default();
        let (mut changes, mut undecided) = (Groups::new(MAX_GROUPS), Groups::new(MAX_GROUPS));
        let mut lines = Lines::new(records, MAX_LINE);
        while let Some(line) = lines.next()? {
            let record = match line {
                Line::Text(text) => Record::parse(text),
                Line::TooLong => None,
            };
            let call = match record {
                None => {
                    replay.unreadable_line(lines.number());
                    continue;
                }
                Some(Record::Other) => {
                    replay.other_records += 1;
                    continue;
                }
                Some(Record::Call(call)) => call,
            };
            replay.calls += 1;
            if call.policy.as_ref() == Some(&fingerprint) {
                replay.same_policy += 1;
                replay.unchanged += 1;
                continue;
            }
            match decider.decide(&call) {
                Replayed::Unchanged => replay.unchanged += 1,
                Replayed::Changed(what) => {
                    *match what {
                        ReplayEffect::WouldBeAllowed => &mut replay.would_be_allowed,
                        ReplayEffect::WouldBeRejected { .. } => &mut replay.would_be_rejected,
                    } += 1;
                    changes.add((CallsOfCaller::new(&call), what), call.time);
                }
                Replayed::Undecided(because) => {
                    replay.undecided += 1;
                    undecided.add((RecordedOperation::of(&call), because), None);
                }
            }
        }
        replay.more_changed = changes.more();
        replay.changes = groups::changes(changes);
        replay.more_undecided = undecided.more();
        replay.undecided_calls = groups::undecided_calls(undecided);
        Ok(replay)
    }
}

impl Replay {
    /// Returns whether no recorded call would be decided differently. Undecided calls and unreadable lines can hide
    /// changes, so look at their numbers, too.
    pub fn is_unchanged(&self) -> bool {
        self.would_be_rejected == 0 && self.would_be_allowed == 0
    }

    fn unreadable_line(&mut self, number: u64) {
        self.unreadable_lines += 1;
        if self.first_unreadable_lines.len() < MAX_LINE_NUMBERS {
            self.first_unreadable_lines.push(number);
        }
    }
}

#[cfg(test)]
mod tests;
