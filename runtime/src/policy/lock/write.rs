//! Writing the canonical text of a policy.

use super::word::{WHEN, write_text, write_word};
use crate::{
    operation::Annotations,
    policy::{OperationPolicy, Policy, Role, ServerRules},
};

/// Names of the hints in a lock file.
pub(super) const HINTS: [&str; 4] = ["read_only", "destructive", "idempotent", "open_world"];

/// Returns the hints in the order of [`HINTS`].
pub(super) fn hints(annotations: &mut Annotations) -> [&mut Option<bool>; 4] {
    let Annotations { read_only, destructive, idempotent, open_world } = annotations;
    [read_only, destructive, idempotent, open_world]
}

impl Policy {
    /// Formats a canonical policy as the text of a lock file without its header.
    pub(in crate::policy) fn canonical_text(&self) -> String {
        let mut sections = vec![self.scope_section(), server_section(&self.server)];
        sections.extend(self.roles.iter().map(role_section));
        sections.extend(self.operations.iter().map(|operation| operation_section(operation, &self.server)));
        sections.retain(|section| !section.is_empty());
        sections.iter().map(|lines| lines.join("\n") + "\n").collect::<Vec<_>>().join("\n")
    }

    fn scope_section(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for scope in &self.scopes {
            lines.push(format!("scope {}", write_word(scope)));
            let implied = self.hierarchy.iter().filter(|rule| rule.scope == *scope).flat_map(|rule| &rule.implies);
            lines.extend(implied.map(|scope| format!("  implies {}", write_word(scope))));
        }
        lines
    }
}

fn server_section(server: &ServerRules) -> Vec<String> {
    let mut lines: Vec<_> =
        server.required_scopes.iter().map(|scope| format!("  requires {}", write_word(scope))).collect();
    if server.conceal_forbidden {
        lines.push("  conceals forbidden operations".to_owned());
    }
    if server.switches > 0 {
        lines.push(format!("  deny_rules {}", server.switches));
    }
    if !lines.is_empty() {
        lines.insert(0, "server".to_owned());
    }
    lines
}

fn role_section(role: &Role) -> Vec<String> {
    let mut lines = vec![format!("role {}", write_word(&role.name))];
    lines.extend(role.scopes.iter().map(|scope| format!("  {}", write_word(scope))));
    lines
}

fn operation_section(operation: &OperationPolicy, server: &ServerRules) -> Vec<String> {
    let words = |names: &[String]| names.iter().map(|name| write_word(name)).collect::<Vec<_>>().join(" ");
    let mut lines = vec![format!("{} {}", operation.kind, write_word(&operation.name))];
    lines
        .extend(operation.own_scopes(&server.required_scopes).map(|scope| format!("  scopes {}", write_word(scope))));
    if !operation.any_scope.is_empty() {
        lines.push(format!("  any_scope {}", words(&operation.any_scope)));
    }
    lines.extend(
        operation
            .scopes_if
            .iter()
            .map(|rule| format!("  scopes_if {} {WHEN} {}", words(&rule.scopes), write_text(&rule.condition))),
    );
    lines.extend(operation.guards.iter().map(|guard| format!("  guard {}", write_text(guard))));
    lines.extend(operation.approve.iter().map(|message| format!("  approve {}", write_text(message))));
    lines.extend(operation.visible_to.iter().map(|function| format!("  visible_to {}", write_text(function))));
    lines.extend(operation.orgs.iter().map(|id| format!("  org {}", write_word(id))));
    lines.extend(operation.org_roles.iter().map(|role| format!("  org_role {}", write_word(role))));
    lines.extend(operation.rate.map(|rate| format!("  rate {rate}")));
    lines.extend(operation.total_rate.map(|rate| format!("  total_rate {rate}")));
    let mut annotations = operation.annotations;
    for (name, hint) in HINTS.iter().zip(hints(&mut annotations)) {
        lines.extend(hint.map(|yes| if yes { format!("  {name}") } else { format!("  not {name}") }));
    }
    lines
}
