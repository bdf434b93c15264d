//! Deciding one recorded call again.

use std::collections::HashMap;

use super::{ReplayEffect, UndecidedReason, record::RecordedCall};
use crate::{
    audit::{self, CallOutcome, RequiredBy},
    operation::OperationKind,
    policy::{
        Access, Policy,
        evaluator::{EvaluatedOperation, Evaluator, Holder},
    },
    resource::UriTemplate,
};

/// A policy, prepared to decide many calls.
pub(super) struct Decider<'p> {
    evaluator: Evaluator<'p>,
    /// Positions of the operations.
    by_name: HashMap<(OperationKind, &'p str), usize>,
    /// Templates of resources, and their positions.
    templates: Vec<(usize, UriTemplate)>,
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
    /// The operation was visible, and the token had its scopes.
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
            | CallOutcome::ApprovalRequired
            | CallOutcome::NotApproved
            | CallOutcome::Masked
            | CallOutcome::Panicked
            | CallOutcome::TimedOut
            | CallOutcome::Cancelled
            | CallOutcome::InvalidArguments
            | CallOutcome::Busy
            | CallOutcome::ResultTooLarge
            | CallOutcome::TaskCreated
            | CallOutcome::RateLimited
            | CallOutcome::Subscribed => Self::LetThrough,
        }
    }
}

impl<'p> Decider<'p> {
    pub(super) fn new(policy: &'p Policy) -> Self {
        let mut by_name = HashMap::new();
        for (i, operation) in policy.operations.iter().enumerate() {
            by_name.entry((operation.kind, operation.name.as_str())).or_insert(i);
        }
        let evaluator = Evaluator::new(policy);
        let templates = evaluator.templates().collect();
        Self { evaluator, by_name, templates }
    }

    /// Returns the position of the operation that the request names in this policy.
    fn position(&self, call: &RecordedCall) -> Option<usize> {
        let get = |name: &str| self.by_name.get(&(call.kind, name)).copied();
        // A URI that was cut is that of another resource.
        let uri = match &call.uri {
            Some(uri) if audit::is_changed(uri) => None,
            Some(uri) => Some(uri),
            None => Some(&call.name),
        };
        let Some(uri) = uri.filter(|_| call.kind == OperationKind::Resource) else { return get(&call.name) };
        let by_template = || self.templates.iter().find(|(_, template)| template.matches(uri).is_some());
        get(uri).or_else(|| by_template().map(|(position, _)| *position)).or_else(|| get(&call.name))
    }

    pub(super) fn decide(&self, call: &RecordedCall) -> Replayed {
        let then = Then::of(call.outcome);
        let rejected = |because| match then {
            Then::Rejected => Replayed::Unchanged,
            Then::LetThrough | Then::Denied => Replayed::Changed(ReplayEffect::WouldBeRejected { because }),
        };
        let Some(position) = self.position(call) else { return rejected(Access::Unknown) };
        let operation = self.evaluator.operation_at(position);
        let holder = Holder {
            granted: self.evaluator.expand(call.granted.as_deref().unwrap_or_default()),
            org: call.org(),
            org_role: call.org_role(),
        };
        match operation.access(&holder) {
            hidden @ Access::Hidden { .. } => rejected(hidden),
            _ if call.granted.is_none() => Replayed::Undecided(UndecidedReason::UnknownScopes),
            Access::Allowed | Access::MayAllow { .. }
                if then == Then::Rejected && self.requires_more(call, operation, &holder) =>
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
    fn requires_more(&self, call: &RecordedCall, operation: &EvaluatedOperation<'_>, holder: &Holder) -> bool {
        let is_missing = |scope: &String| call.missing.contains(scope) && !self.evaluator.has(&holder.granted, scope);
        match (call.outcome, call.required_by) {
            (CallOutcome::InsufficientScope, Some(RequiredBy::Body)) => call.missing.iter().any(is_missing),
            // The condition that was true then has the same scopes as one of this policy.
            (CallOutcome::InsufficientScope, Some(RequiredBy::Arguments)) => {
                operation.policy().scopes_if.iter().any(|rule| {
                    rule.scopes.iter().all(|scope| call.required.contains(scope))
                        && rule.scopes.iter().any(is_missing)
                })
            }
            _ => false,
        }
    }
}
