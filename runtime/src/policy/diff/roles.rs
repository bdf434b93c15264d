//! Changes of roles: their scopes, and the operations that they may use.

use std::borrow::Cow;

use super::{PolicyChange, added, list};
use crate::policy::{
    Policy, Role, Subject,
    evaluator::{EvaluatedOperation, Evaluator},
    operation_policy::verb,
};

pub(super) fn compare(old: &Policy, new: &Policy, changes: &mut Vec<PolicyChange>) {
    let (old_evaluator, new_evaluator) = (Evaluator::new(old), Evaluator::new(new));
    for role in &new.roles {
        let Some(old_role) = old.role(&role.name) else {
            let sentence = format!("new role {}, which can {}", role.name, usable(&new_evaluator, role));
            changes.push(PolicyChange::widening(sentence));
            continue;
        };
        let gained = excess(&new_evaluator, &old_evaluator, role);
        if !gained.is_empty() {
            changes.push(PolicyChange::widening(format!("{} gains {}", role.name, list(&gained))));
        }
        let lost = excess(&old_evaluator, &new_evaluator, role);
        if !lost.is_empty() {
            changes.push(PolicyChange::narrowing(format!("{} loses {}", role.name, list(&lost))));
        }
        let gained = added(&old_role.scopes, &role.scopes);
        if !gained.is_empty() {
            changes.push(PolicyChange::widening(format!("{} can now get {}", role.name, list(&gained))));
        }
        let lost = added(&role.scopes, &old_role.scopes);
        if !lost.is_empty() {
            let sentence = format!("{} can no longer get {}", role.name, list(&lost));
            changes.push(PolicyChange::narrowing(sentence));
        }
    }
    for role in old.roles.iter().filter(|role| new.role(&role.name).is_none()) {
        let sentence = format!("role {} removed, which could {}", role.name, usable(&old_evaluator, role));
        changes.push(PolicyChange::narrowing(sentence));
    }
}

/// Returns the labels of the operations that a role may use in one policy and not in another one. The URI of a resource that
/// a policy does not have can match a template of it.
fn excess(evaluator: &Evaluator<'_>, other: &Evaluator<'_>, role: &Role) -> Vec<String> {
    let mut labels: Vec<_> = evaluator.operations().map(|operation| operation.policy().label()).collect();
    for operation in other.operations().map(EvaluatedOperation::policy) {
        if evaluator.get(operation.kind, &operation.name).is_none() {
            labels.push(operation.label());
        }
    }
    labels.retain(|label| may_use(evaluator, role, label) && !may_use(other, role, label));
    labels.into_iter().map(Cow::into_owned).collect()
}

fn may_use(evaluator: &Evaluator<'_>, role: &Role, label: &str) -> bool {
    let holder = evaluator.holder(&Subject::from(&role.name));
    let access = holder.ok().and_then(|holder| Some(evaluator.find(label)?.access(&holder)));
    access.is_some_and(|access| access.may_allow())
}

/// Returns what a role may do, such as `call payroll_summary and whoami`.
fn usable(evaluator: &Evaluator<'_>, role: &Role) -> String {
    let operations = evaluator.operations().map(EvaluatedOperation::policy);
    let usable: Vec<_> = operations.filter(|operation| may_use(evaluator, role, &operation.label())).collect();
    if usable.is_empty() {
        return "use nothing".to_owned();
    }
    let labels: Vec<_> = usable.iter().map(|operation| operation.label()).collect();
    format!("{} {}", verb(usable.iter().map(|operation| operation.kind)), list(&labels))
}
