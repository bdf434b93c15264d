//! Changes of roles: their scopes, and the tools that they may call.

use super::{PolicyChange, added, list};
use crate::policy::{OperationPolicy, Policy, Role};

pub(super) fn compare(old: &Policy, new: &Policy, changes: &mut Vec<PolicyChange>) {
    for role in &new.roles {
        let Some(old_role) = old.role(&role.name) else {
            let sentence = format!("new role {}, which can call {}", role.name, callable(new, role));
            changes.push(PolicyChange::widening(sentence));
            continue;
        };
        let (old_tools, new_tools) = (tools(old, old_role), tools(new, role));
        let gained = added(&old_tools, &new_tools);
        if !gained.is_empty() {
            changes.push(PolicyChange::widening(format!("{} gains {}", role.name, list(&gained))));
        }
        let lost = added(&new_tools, &old_tools);
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
        let sentence = format!("role {} removed, which could call {}", role.name, callable(old, role));
        changes.push(PolicyChange::narrowing(sentence));
    }
}

/// Returns the names of the tools that a role may call.
fn tools(policy: &Policy, role: &Role) -> Vec<String> {
    let may_call = |tool: &&OperationPolicy| policy.access(&role.name, &tool.name).may_allow();
    policy.operations.iter().filter(may_call).map(|tool| tool.name.clone()).collect()
}

fn callable(policy: &Policy, role: &Role) -> String {
    let tools = tools(policy, role);
    let names: Vec<&str> = tools.iter().map(String::as_str).collect();
    if names.is_empty() { "no tool".to_owned() } else { list(&names) }
}
