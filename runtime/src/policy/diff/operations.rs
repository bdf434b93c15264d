//! Changes of operations.

use super::{
    PolicyChange, added,
    exceeds::{Version, exceeds},
};
use crate::{
    operation::OperationKind,
    policy::{OperationPolicy, Policy, evaluator::Evaluator, operation_policy::scope_formula},
    rate::Rate,
    resource::UriTemplate,
};

pub(super) fn compare(old: &Policy, new: &Policy, changes: &mut Vec<PolicyChange>) {
    let (old_evaluator, new_evaluator) = (Evaluator::new(old), Evaluator::new(new));
    for operation in new_evaluator.operations() {
        let OperationPolicy { kind, name, .. } = operation.policy();
        let Some(old_operation) = old_evaluator.get(*kind, name) else {
            let sentence = format!("new {kind} {name}, which requires {}", operation.policy().requirement());
            changes.push(PolicyChange::widening(sentence));
            continue;
        };
        OperationComparison {
            policies: [old, new],
            old: Version { policy: &old_evaluator, operation: old_operation },
            new: Version { policy: &new_evaluator, operation },
            changes,
        }
        .compare();
    }
    for operation in &old.operations {
        let OperationPolicy { kind, name, .. } = operation;
        if new_evaluator.get(*kind, name).is_some() {
            continue;
        }
        changes.push(match new_evaluator.templates().find(|(_, template)| replaces(template, operation)) {
            // A URI of the resource is then one of another resource, whose requirement can be weaker.
            Some((position, _)) => {
                let template = &new_evaluator.operation_at(position).policy().name;
                PolicyChange::widening(format!("{kind} {name} removed, whose URIs can match {template}"))
            }
            None => PolicyChange::narrowing(format!("{kind} {name} removed")),
        });
    }
}

/// Returns whether a template can match a URI of a resource that the policy no longer has.
fn replaces(template: &UriTemplate, removed: &OperationPolicy) -> bool {
    if removed.is_template() {
        UriTemplate::parse(&removed.name).is_ok_and(|removed| removed.overlaps(template))
    } else {
        removed.kind == OperationKind::Resource && template.matches(&removed.name).is_some()
    }
}

/// Comparison of two versions of one operation.
struct OperationComparison<'a> {
    policies: [&'a Policy; 2],
    old: Version<'a>,
    new: Version<'a>,
    changes: &'a mut Vec<PolicyChange>,
}

impl OperationComparison<'_> {
    fn compare(mut self) {
        let (old, new) = (self.old.operation.policy(), self.new.operation.policy());
        self.scopes(old, new);
        self.conditions(old, new);
        self.checks("guard", &old.guards, &new.guards);
        let common = |guards: &[String], others: &[String]| -> Vec<String> {
            guards.iter().filter(|guard| others.contains(guard)).cloned().collect()
        };
        if common(&old.guards, &new.guards) != common(&new.guards, &old.guards) {
            self.push(false, "the guards run in another order");
        }
        self.approval(old.approve.as_deref(), new.approve.as_deref());
        self.checks("visibility function", &old.visible_to, &new.visible_to);
        self.restriction("allowed in the organization", &old.orgs, &new.orgs);
        self.restriction("visible to the org role", &old.org_roles, &new.org_roles);
        self.rate("per caller", old.rate, new.rate);
        self.rate("in total", old.total_rate, new.total_rate);
        if old.annotations != new.annotations {
            self.push(false, &format!("hints changed from `{}` to `{}`", old.annotations, new.annotations));
        }
    }

    /// Compares the scopes of all calls. A change of the scopes that the server requires for all operations is reported once,
    /// as a change of the server.
    fn scopes(&mut self, old: &OperationPolicy, new: &OperationPolicy) {
        let [old_own, new_own] = [(self.policies[0], old), (self.policies[1], new)]
            .map(|(policy, operation)| operation.own_scopes(&policy.server.required_scopes).collect::<Vec<_>>());
        let is_same_set = added(&old.scopes, &new.scopes).is_empty() && added(&new.scopes, &old.scopes).is_empty();
        if old.any_scope == new.any_scope && (is_same_set || old_own == new_own) {
            return;
        }
        let [old_formula, new_formula] =
            [old, new].map(|operation| scope_formula(&operation.scopes, &operation.any_scope, &str::to_owned));
        let widens = exceeds(self.new, self.old, None);
        self.push(widens, &format!("now requires {new_formula} instead of {old_formula}"));
    }

    fn conditions(&mut self, old: &OperationPolicy, new: &OperationPolicy) {
        let mut conditions: Vec<&String> =
            old.scopes_if.iter().chain(&new.scopes_if).map(|rule| &rule.condition).collect();
        conditions.sort();
        conditions.dedup();
        let scopes = |operation: &OperationPolicy, condition: &String| -> Vec<String> {
            let rules = operation.scopes_if.iter().filter(|rule| rule.condition == *condition);
            rules.flat_map(|rule| rule.scopes.clone()).collect()
        };
        for condition in conditions {
            let (old_scopes, new_scopes) = (scopes(old, condition), scopes(new, condition));
            self.condition_change(condition, &added(&old_scopes, &new_scopes), true);
            self.condition_change(condition, &added(&new_scopes, &old_scopes), false);
        }
    }

    /// Reports scopes that are newly required, or no longer required, if a condition is true.
    fn condition_change(&mut self, condition: &str, scopes: &[&str], required: bool) {
        if scopes.is_empty() {
            return;
        }
        let name = self.new.operation.policy().label();
        let quoted = scopes.iter().map(|scope| format!("`{scope}`")).collect::<Vec<_>>().join(" and ");
        let (some, other) = if required { (self.old, self.new) } else { (self.new, self.old) };
        let change = match (exceeds(some, other, Some(condition)), required) {
            (true, true) => PolicyChange::narrowing(format!("tokens without {quoted} lose {name} when {condition}")),
            (true, false) => PolicyChange::widening(format!("tokens without {quoted} gain {name} when {condition}")),
            // Other requirements of the operation include these scopes.
            (false, true) => PolicyChange::narrowing(format!("{name}: {condition} now also requires {quoted}")),
            (false, false) => PolicyChange::narrowing(format!("{name}: {condition} no longer requires {quoted}")),
        };
        self.changes.push(change);
    }

    /// Compares guards or visibility functions, all of which must allow a call.
    fn checks(&mut self, kind: &str, old: &[String], new: &[String]) {
        for check in added(new, old) {
            self.push(true, &format!("{kind} {check} removed (fewer checks)"));
        }
        for check in added(old, new) {
            self.push(false, &format!("{kind} {check} added (more checks)"));
        }
    }

    /// Compares the messages with which a person is asked to approve a call.
    fn approval(&mut self, old: Option<&str>, new: Option<&str>) {
        match (old, new) {
            (Some(old), None) => self.push(true, &format!("no person approves `{old}` any more (fewer checks)")),
            (None, Some(new)) => self.push(false, &format!("a person now approves `{new}` (more checks)")),
            (Some(old), Some(new)) if old != new => {
                self.push(false, &format!("a person now approves `{new}` instead of `{old}`"));
            }
            _ => {}
        }
    }

    /// Compares values of which a caller must have one. No values are no restriction.
    fn restriction(&mut self, phrase: &str, old: &[String], new: &[String]) {
        if old == new {
            return;
        }
        let text = |values: &[String]| if values.is_empty() { "any".to_owned() } else { values.join(" or ") };
        let widens = !old.is_empty() && (new.is_empty() || !added(old, new).is_empty());
        self.push(widens, &format!("now {phrase} {} instead of {}", text(new), text(old)));
    }

    /// Compares rates. A higher one, or none, lets calls through that the old one rejected.
    fn rate(&mut self, of: &str, old: Option<Rate>, new: Option<Rate>) {
        match (old, new) {
            (Some(old), None) => self.push(true, &format!("no longer limited to {old} {of}")),
            (None, Some(new)) => self.push(false, &format!("now limited to {new} {of}")),
            (Some(old), Some(new)) if old != new => {
                self.push(new.exceeds(old), &format!("now limited to {new} {of} instead of {old}"));
            }
            _ => {}
        }
    }

    fn push(&mut self, widens_access: bool, change: &str) {
        let sentence = format!("{}: {change}", self.new.operation.policy().label());
        self.changes.push(PolicyChange { sentence, widens_access });
    }
}
