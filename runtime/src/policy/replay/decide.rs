//! Deciding one recorded call again.

use std::collections::HashMap;

use super::{ReplayEffect, UndecidedReason, record::RecordedCall};
use crate::{
    audit::{CallOutcome, RequiredBy},
    policy::{
        Access, Policy,
        evaluator::{EvaluatedTool, Evaluator, Holder},
    },
};

/// A policy, prepared to decide many calls.
pub(super) struct Decider<'p> {
    evaluator: Evaluator<'p>,
    /// Positions of the tools.
    by_name: HashMap<&'p str, usize>,
}

/// A recorded call, decided again.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Replayed {
    Unchanged,
    Changed(ReplayEffect),
    Undecided(UndecidedReason),
}

/// How a call was decided.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    /// The tool was visible, and the token had its scopes.
    LetThrough,
    /// As before, and then a guard or the body denied the call.
    Denied,
    Rejected,
}

impl Then {
    fn of(outcome: CallOutcome) -> Self {
        match outcome {
            CallOutcome::InsufficientScope | CallOutcome::Hidden | CallOutcome::Unknown => Self::Rejected,
            CallOutcome::Denied => Self::Denied,
            CallOutcome::Completed
            | CallOutcome::Failed
            | CallOutcome::InputRequired
            | CallOutcome::Masked
            | CallOutcome::Panicked
            | CallOutcome::TimedOut
            | CallOutcome::Cancelled
            | CallOutcome::InvalidArguments
            | CallOutcome::Busy
            | CallOutcome::ResultTooLarge => Self::LetThrough,
        }
    }
}

impl<'p> Decider<'p> {
    pub(super) fn new(policy: &'p Policy) -> Self {
        let mut by_name = HashMap::new();
        for (i, tool) in policy.operations.iter().enumerate() {
            by_name.entry(tool.name.as_str()).or_insert(i);
        }
        Self { evaluator: Evaluator::new(policy), by_name }
    }

    pub(super) fn decide(&self, call: &RecordedCall) -> Replayed {
        let then = Then::of(call.outcome);
        let rejected = |because| match then {
            Then::Rejected => Replayed::Unchanged,
            Then::LetThrough | Then::Denied => Replayed::Changed(ReplayEffect::WouldBeRejected { because }),
        };
        let Some(&position) = self.by_name.get(call.tool.as_str()) else { return rejected(Access::Unknown) };
        let tool = self.evaluator.tool_at(position);
        let holder = Holder {
            granted: self.evaluator.expand(call.granted.as_deref().unwrap_or_default()),
            org: call.org(),
            org_role: call.org_role(),
        };
        match tool.access(&holder) {
            hidden @ Access::Hidden { .. } => rejected(hidden),
            _ if call.granted.is_none() => Replayed::Undecided(UndecidedReason::UnknownScopes),
            Access::Allowed | Access::MayAllow { .. }
                if then == Then::Rejected && self.requires_more(call, tool, &holder) =>
            {
                Replayed::Unchanged
            }
            Access::MayAllow { because } => Replayed::Undecided(UndecidedReason::Checks(because)),
            Access::Allowed => match then {
                Then::LetThrough => Replayed::Unchanged,
                Then::Denied => Replayed::Undecided(UndecidedReason::Denied),
                Then::Rejected => Replayed::Changed(ReplayEffect::WouldBeAllowed),
            },
            because => rejected(because),
        }
    }

    /// Returns whether a rejected call still requires scopes that the token lacks, in addition to those of all calls.
    fn requires_more(&self, call: &RecordedCall, tool: &EvaluatedTool<'_>, holder: &Holder) -> bool {
        let is_missing = |scope: &String| call.missing.contains(scope) && !self.evaluator.has(&holder.granted, scope);
        match (call.outcome, call.required_by) {
            (CallOutcome::InsufficientScope, Some(RequiredBy::Body)) => call.missing.iter().any(is_missing),
            // The condition that was true then has the same scopes as one of this policy.
            (CallOutcome::InsufficientScope, Some(RequiredBy::Arguments)) => {
                tool.policy().scopes_if.iter().any(|rule| {
                    rule.scopes.iter().all(|scope| call.required.contains(scope))
                        && rule.scopes.iter().any(is_missing)
                })
            }
            _ => false,
        }
    }
}
