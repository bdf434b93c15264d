//! Policy of one operation, and the text of what it requires.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::{
    operation::{Annotations, OperationKind, label},
    rate::Rate,
};

/// What a tool, a prompt or a resource requires of its callers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OperationPolicy {
    /// Whether it is a tool, a prompt or a resource.
    pub kind: OperationKind,
    /// Name of the tool or the prompt, or URI or URI template of the resource.
    pub name: String,
    /// Scopes that are all required, including those that the server requires for all operations.
    pub scopes: Vec<String>,
    /// Scopes of which one is required; empty if there is no such alternative.
    pub any_scope: Vec<String>,
    /// Scopes that calls with certain arguments require in addition.
    pub scopes_if: Vec<ConditionalScopes>,
    /// Guards, as Rust source text.
    pub guards: Vec<String>,
    /// Message with which a person is asked to approve each call, with the names of arguments in braces. `None` if calls
    /// need no approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approve: Option<String>,
    /// Visibility functions, as Rust source text. A caller must be allowed by all of them.
    pub visible_to: Vec<String>,
    /// Ids of organizations; a caller must act for one of them. Empty if any organization is allowed.
    pub orgs: Vec<String>,
    /// Organization roles; a caller must have one of them. Empty if any role is allowed.
    pub org_roles: Vec<String>,
    /// Number of calls of each caller, as the attribute declares it. It limits callers that are authorized, and decides no
    /// access. The settings of a server can replace it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// Number of calls of all callers together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_rate: Option<Rate>,
    /// Hints for clients of a tool, which do not affect access.
    pub annotations: Annotations,
    /// File and line of the function. Empty if it is not known, as in a policy that was read from a lock file.
    pub defined_at: String,
}

/// Scopes that a call requires if a condition on its arguments is true.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ConditionalScopes {
    /// The condition, as Rust source text.
    pub condition: String,
    /// Scopes that are all required if the condition is true.
    pub scopes: Vec<String>,
}

impl OperationPolicy {
    /// Returns the operation as texts, patterns and lock files name it: the name of a tool, `prompt` and the name of a
    /// prompt, or the URI of a resource, which contains a colon.
    ///
    /// ```
    /// use toolgate::policy::Policy;
    ///
    /// let policy = Policy::from_lock("scope a\n\ntool review\n  scopes a\n")?;
    /// assert_eq!(policy.operations[0].label(), "review");
    /// # Ok::<(), toolgate::policy::LockError>(())
    /// ```
    pub fn label(&self) -> Cow<'_, str> {
        label(self.kind, &self.name)
    }

    /// Returns whether this is the operation of a kind with this name.
    pub(super) fn is(&self, kind: OperationKind, name: &str) -> bool {
        self.kind == kind && self.name == name
    }

    /// Returns whether it is a resource with a URI template.
    pub(super) fn is_template(&self) -> bool {
        self.kind == OperationKind::Resource && self.name.contains('{')
    }

    /// Sorts operations: tools, then prompts, then resources, each by name.
    pub(super) fn sort(operations: &mut [Self]) {
        operations.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    }

    /// Returns every scope that the requirement names. A scope can be named more than once.
    pub(crate) fn named_scopes(&self) -> impl Iterator<Item = &str> {
        let conditional = self.scopes_if.iter().flat_map(|rule| &rule.scopes);
        self.scopes.iter().chain(&self.any_scope).chain(conditional).map(String::as_str)
    }

    /// Formats the scopes that every call requires, such as `a and one of b, c`, or `any valid token`.
    pub(crate) fn scope_requirement(&self) -> String {
        scope_formula(&self.scopes, &self.any_scope, &str::to_owned)
    }

    /// Formats everything that a call requires, such as `ticket:read and one of support:agent, support:lead, if
    /// own_queue(caller) allows`. An operation without requirements requires `any valid token`.
    pub fn requirement(&self) -> String {
        self.requirement_quoted(&str::to_owned)
    }

    /// Formats the requirement with names and source text quoted by `quote`.
    pub(super) fn requirement_quoted(&self, quote: &dyn Fn(&str) -> String) -> String {
        let mut phrases = vec![scope_formula(&self.scopes, &self.any_scope, quote)];
        for ConditionalScopes { condition, scopes } in &self.scopes_if {
            phrases.push(format!("also {} when {}", quoted(scopes, " and ", quote), quote(condition)));
        }
        if !self.org_roles.is_empty() {
            phrases.push(format!("with the org role {}", quoted(&self.org_roles, " or ", quote)));
        }
        if !self.orgs.is_empty() {
            phrases.push(format!("in the organization {}", quoted(&self.orgs, " or ", quote)));
        }
        if !self.visible_to.is_empty() {
            phrases.push(format!("visible to {}", quoted(&self.visible_to, " and ", quote)));
        }
        if !self.guards.is_empty() {
            let verb = if self.guards.len() == 1 { "allows" } else { "allow" };
            phrases.push(format!("if {} {verb}", quoted(&self.guards, " and ", quote)));
        }
        if let Some(message) = &self.approve {
            phrases.push(format!("after a person approved {}", quote(message)));
        }
        phrases.extend(self.rate.map(|rate| format!("at most {rate} per caller")));
        phrases.extend(self.total_rate.map(|rate| format!("at most {rate} in total")));
        phrases.join(", ")
    }
}

/// Returns what a caller does with operations of these kinds: `call`, `get`, `read`, or `use` for several kinds.
pub(super) fn verb(kinds: impl IntoIterator<Item = OperationKind>) -> &'static str {
    let mut kinds = kinds.into_iter();
    let first = kinds.next();
    match first {
        Some(kind) if kinds.any(|other| other != kind) => "use",
        Some(OperationKind::Tool) | None => "call",
        Some(OperationKind::Prompt) => "get",
        Some(OperationKind::Resource) => "read",
    }
}

/// Formats a requirement of scopes: `a and b`, `one of a, b`, or `any valid token`.
pub(super) fn scope_formula(scopes: &[String], any_scope: &[String], quote: &dyn Fn(&str) -> String) -> String {
    let all = quoted(scopes, " and ", quote);
    let any = format!("one of {}", quoted(any_scope, ", ", quote));
    match (scopes.is_empty(), any_scope.is_empty()) {
        (true, true) => "any valid token".to_owned(),
        (false, true) => all,
        (true, false) => any,
        (false, false) => format!("{all} and {any}"),
    }
}

fn quoted(names: &[String], separator: &str, quote: &dyn Fn(&str) -> String) -> String {
    names.iter().map(|name| quote(name)).collect::<Vec<_>>().join(separator)
}
