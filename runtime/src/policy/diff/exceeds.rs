//! Comparison of the scopes that two versions of an operation require.

use crate::policy::evaluator::{EvaluatedOperation, Evaluator};

/// A version of an operation, in the policy that it belongs to.
#[derive(Clone, Copy)]
pub(super) struct Version<'a> {
    pub(super) policy: &'a Evaluator<'a>,
    pub(super) operation: &'a EvaluatedOperation<'a>,
}

/// Returns whether a token exists whose scopes are sufficient for `a` and not for `b`, in a call for which only
/// `condition` is true, or no condition.
///
/// Exact: the scopes are insufficient for `b` if they have no scope of one of its clauses, and the largest such set of
/// scopes is sufficient for `a` if any is.
pub(super) fn exceeds(a: Version<'_>, b: Version<'_>, condition: Option<&str>) -> bool {
    let (index, other_index) = (a.policy.index(), b.policy.index());
    clauses(b, condition).iter().any(|clause| {
        let has_none_of_clause = |name: &&&str| {
            let granted = other_index.expand([**name]);
            clause.iter().all(|scope| other_index.bit(scope).is_none_or(|bit| !granted.contains(bit)))
        };
        let granted = index.expand(index.names().iter().filter(has_none_of_clause).copied());
        a.operation.is_met_by(&granted)
            && condition.is_none_or(|condition| a.operation.meets_condition(condition, &granted))
    })
}

/// Returns the sets of scopes of which a call requires one each.
fn clauses<'a>(version: Version<'a>, condition: Option<&str>) -> Vec<Vec<&'a str>> {
    let operation = version.operation.policy();
    let conditional = operation
        .scopes_if
        .iter()
        .filter(|rule| Some(rule.condition.as_str()) == condition)
        .flat_map(|rule| &rule.scopes);
    let mut clauses: Vec<Vec<&str>> =
        operation.scopes.iter().chain(conditional).map(|scope| vec![scope.as_str()]).collect();
    if !operation.any_scope.is_empty() {
        clauses.push(operation.any_scope.iter().map(String::as_str).collect());
    }
    clauses
}
