//! Changes of tools.

use super::{
    PolicyChange, added,
    exceeds::{Version, exceeds},
};
use crate::policy::{OperationPolicy, Policy, evaluator::Evaluator, operation_policy::scope_formula};

pub(super) fn compare(old: &Policy, new: &Policy, changes: &mut Vec<PolicyChange>) {
    let (old_evaluator, new_evaluator) = (Evaluator::new(old), Evaluator::new(new));
    for tool in new_evaluator.tools() {
        let name = &tool.policy().name;
        let Some(old_tool) = old_evaluator.tool(name) else {
            let sentence = format!("new tool {name}, which requires {}", tool.policy().requirement());
            changes.push(PolicyChange::widening(sentence));
            continue;
        };
        ToolComparison {
            policies: [old, new],
            old: Version { policy: &old_evaluator, tool: old_tool },
            new: Version { policy: &new_evaluator, tool },
            changes,
        }
        .compare();
    }
    for tool in old.operations.iter().filter(|tool| new.tool(&tool.name).is_none()) {
        changes.push(PolicyChange::narrowing(format!("tool {} removed", tool.name)));
    }
}

/// Comparison of two versions of one tool.
struct ToolComparison<'a> {
    policies: [&'a Policy; 2],
    old: Version<'a>,
    new: Version<'a>,
    changes: &'a mut Vec<PolicyChange>,
}

impl ToolComparison<'_> {
    fn compare(mut self) {
        let (old, new) = (self.old.tool.policy(), self.new.tool.policy());
        self.scopes(old, new);
        self.conditions(old, new);
        self.checks("guard", &old.guards, &new.guards);
        let common = |guards: &[String], others: &[String]| -> Vec<String> {
            guards.iter().filter(|guard| others.contains(guard)).cloned().collect()
        };
        if common(&old.guards, &new.guards) != common(&new.guards, &old.guards) {
            self.push(false, "the guards run in another order");
        }
        self.checks("visibility function", &old.visible_to, &new.visible_to);
        self.restriction("callable in the organization", &old.orgs, &new.orgs);
        self.restriction("visible to the org role", &old.org_roles, &new.org_roles);
        if old.annotations != new.annotations {
            self.push(false, &format!("hints changed from `{}` to `{}`", old.annotations, new.annotations));
        }
    }

    /// Compares the scopes of all calls. A change of the scopes that the server requires for all tools is reported once,
    /// as a change of the server.
    fn scopes(&mut self, old: &OperationPolicy, new: &OperationPolicy) {
        let [old_own, new_own] = [(self.policies[0], old), (self.policies[1], new)]
            .map(|(policy, tool)| tool.own_scopes(&policy.server.required_scopes).collect::<Vec<_>>());
        let is_same_set = added(&old.scopes, &new.scopes).is_empty() && added(&new.scopes, &old.scopes).is_empty();
        if old.any_scope == new.any_scope && (is_same_set || old_own == new_own) {
            return;
        }
        let [old_formula, new_formula] =
            [old, new].map(|tool| scope_formula(&tool.scopes, &tool.any_scope, &str::to_owned));
        let widens = exceeds(self.new, self.old, None);
        self.push(widens, &format!("now requires {new_formula} instead of {old_formula}"));
    }

    fn conditions(&mut self, old: &OperationPolicy, new: &OperationPolicy) {
        let mut conditions: Vec<&String> =
            old.scopes_if.iter().chain(&new.scopes_if).map(|rule| &rule.condition).collect();
        conditions.sort();
        conditions.dedup();
        let scopes = |tool: &OperationPolicy, condition: &String| -> Vec<String> {
            let rules = tool.scopes_if.iter().filter(|rule| rule.condition == *condition);
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
        let name = &self.new.tool.policy().name;
        let quoted = scopes.iter().map(|scope| format!("`{scope}`")).collect::<Vec<_>>().join(" and ");
        let (some, other) = if required { (self.old, self.new) } else { (self.new, self.old) };
        let change = match (exceeds(some, other, Some(condition)), required) {
            (true, true) => PolicyChange::narrowing(format!("tokens without {quoted} lose {name} when {condition}")),
            (true, false) => PolicyChange::widening(format!("tokens without {quoted} gain {name} when {condition}")),
            // Other requirements of the tool include these scopes.
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

    /// Compares values of which a caller must have one. No values are no restriction.
    fn restriction(&mut self, phrase: &str, old: &[String], new: &[String]) {
        if old == new {
            return;
        }
        let text = |values: &[String]| if values.is_empty() { "any".to_owned() } else { values.join(" or ") };
        let widens = !old.is_empty() && (new.is_empty() || !added(old, new).is_empty());
        self.push(widens, &format!("now {phrase} {} instead of {}", text(new), text(old)));
    }

    fn push(&mut self, widens_access: bool, change: &str) {
        let sentence = format!("{}: {change}", self.new.tool.policy().name);
        self.changes.push(PolicyChange { sentence, widens_access });
    }
}
