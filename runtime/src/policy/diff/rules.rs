//! Changes of the scopes, of their hierarchy, and of the rules for all operations.

use super::{
    PolicyChange, added,
    exceeds::{Version, exceeds},
    list,
};
use crate::policy::{Policy, evaluator::Evaluator};

pub(super) fn compare(old: &Policy, new: &Policy, changes: &mut Vec<PolicyChange>) {
    let (old_evaluator, new_evaluator) = (Evaluator::new(old), Evaluator::new(new));
    required_scopes(&old_evaluator, &new_evaluator, [old, new], changes);
    if old.server.conceal_forbidden != new.server.conceal_forbidden {
        let how = if new.server.conceal_forbidden { "concealed" } else { "reported as forbidden" };
        changes.push(PolicyChange::narrowing(format!("operations that a caller lacks scopes for are now {how}")));
    }
    let (before, after) = (old.server.switches, new.server.switches);
    if before != after {
        changes.push(PolicyChange {
            sentence: format!("the number of `Server::deny` rules changed from {before} to {after}"),
            widens_access: after < before,
        });
    }
    hierarchy(&old_evaluator, [old, new], changes);
    for scope in added(&old.scopes, &new.scopes) {
        changes.push(PolicyChange::narrowing(format!("new scope {scope}")));
    }
    for scope in added(&new.scopes, &old.scopes) {
        changes.push(PolicyChange::narrowing(format!("scope {scope} removed")));
    }
}

fn required_scopes(
    old_evaluator: &Evaluator<'_>,
    new_evaluator: &Evaluator<'_>,
    [old, new]: [&Policy; 2],
    changes: &mut Vec<PolicyChange>,
) {
    let [required, no_longer] =
        [[old, new], [new, old]].map(|[from, to]| added(&from.server.required_scopes, &to.server.required_scopes));
    if !required.is_empty() {
        changes.push(PolicyChange::narrowing(format!("all operations now require {}", list(&required))));
    }
    if !no_longer.is_empty() {
        let widens_access = new_evaluator.operations().any(|operation| {
            old_evaluator.get(operation.policy().kind, &operation.policy().name).is_some_and(|old_operation| {
                let new_version = Version { policy: new_evaluator, operation };
                exceeds(new_version, Version { policy: old_evaluator, operation: old_operation }, None)
            })
        });
        let sentence = format!("the server no longer requires {} for all operations", list(&no_longer));
        changes.push(PolicyChange { sentence, widens_access });
    }
}

/// Compares the hierarchy. A new implication widens access even if no operation is affected, because a body can require scopes,
/// too.
fn hierarchy(old_evaluator: &Evaluator<'_>, [old, new]: [&Policy; 2], changes: &mut Vec<PolicyChange>) {
    let rules = |policy: &Policy| -> Vec<(String, String)> {
        let pairs = policy.hierarchy.iter();
        pairs.flat_map(|rule| rule.implies.iter().map(|implied| (rule.scope.clone(), implied.clone()))).collect()
    };
    let (old_rules, new_rules) = (rules(old), rules(new));
    let index = old_evaluator.index();
    for (scope, implied) in new_rules.iter().filter(|rule| !old_rules.contains(rule)) {
        let was_granted = index.bit(implied).is_some_and(|bit| index.expand([scope.as_str()]).contains(bit));
        changes
            .push(PolicyChange { sentence: format!("{scope} now implies {implied}"), widens_access: !was_granted });
    }
    for (scope, implied) in old_rules.iter().filter(|rule| !new_rules.contains(rule)) {
        let sentence = format!("{scope} no longer implies {implied}");
        changes.push(PolicyChange::narrowing(sentence));
    }
}
