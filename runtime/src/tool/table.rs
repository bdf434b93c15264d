//! The scope table: every tool and what it requires, for people.

use std::fmt;

use serde::Serialize;

use super::{Annotations, ToolDescriptor, registry};
use crate::scope::Scopes;

/// What is known of a tool before anybody calls it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ToolInfo {
    /// The name on the wire.
    pub name: &'static str,
    /// The scopes that are all needed.
    pub scopes: Vec<&'static str>,
    /// The scopes of which one is needed; empty if there is no such choice.
    pub any_scope: Vec<&'static str>,
    /// The hints for clients.
    pub annotations: Annotations,
    /// Where the function stands: file and line.
    pub defined_at: &'static str,
}

impl ToolInfo {
    pub(crate) fn new(descriptor: &ToolDescriptor, required_by_all: &[&'static str]) -> Self {
        let mut scopes: Vec<_> = descriptor.all.iter().map(|scope| scope.name()).collect();
        for &scope in required_by_all {
            if !scopes.contains(&scope) {
                scopes.push(scope);
            }
        }
        Self {
            name: descriptor.name,
            scopes,
            any_scope: descriptor.any.iter().map(|scope| scope.name()).collect(),
            annotations: descriptor.annotations,
            defined_at: descriptor.defined_at,
        }
    }

    /// The requirement in words: `a and b`, `one of a, b`, or `any valid token`.
    pub fn requirement(&self) -> String {
        let all = self.scopes.join(" and ");
        let any = format!("one of {}", self.any_scope.join(", "));
        match (self.scopes.is_empty(), self.any_scope.is_empty()) {
            (true, true) => "any valid token".to_owned(),
            (false, true) => all,
            (true, false) => any,
            (false, false) => format!("{all} and {any}"),
        }
    }
}

/// The tools that were checked against a list, and what each requires. `Display` prints a table.
///
/// ```
/// # use toolgate::prelude::*;
/// pub static SCOPES: Scopes = Scopes::new(&["employees:read:public"]);
///
/// /// Return an employee's public profile.
/// #[tool(scopes = "employees:read:public", read_only)]
/// async fn profile(employee_id: String) -> String {
///     employee_id
/// }
///
/// # fn main() {
/// let table = ScopeTable::of(&SCOPES);
/// assert_eq!(table.tools()[0].name, "profile");
/// assert!(table.to_string().contains("employees:read:public"));
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ScopeTable {
    tools: Vec<ToolInfo>,
}

impl ScopeTable {
    /// The table of a list, in the order of the tools' names; no server is needed.
    pub fn of(list: &'static Scopes) -> Self {
        let mut tools: Vec<_> =
            registry::descriptors(&[list]).map(|descriptor| ToolInfo::new(descriptor, &[])).collect();
        tools.sort_by_key(|tool| tool.name);
        Self { tools }
    }

    pub(crate) fn new(tools: Vec<ToolInfo>) -> Self {
        Self { tools }
    }

    /// The tools.
    pub fn tools(&self) -> &[ToolInfo] {
        &self.tools
    }
}

impl fmt::Display for ScopeTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.tools.iter().map(|tool| tool.name.len()).chain([4]).max().unwrap_or(4);
        writeln!(f, "{:width$}  {:12}  requires", "tool", "hints")?;
        for tool in &self.tools {
            writeln!(f, "{:width$}  {:12}  {}", tool.name, tool.annotations.to_string(), tool.requirement())?;
        }
        Ok(())
    }
}

impl fmt::Display for Annotations {
    /// The hints that were given, `-` if none was.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hints = [
            ("read-only", self.read_only),
            ("destructive", self.destructive),
            ("idempotent", self.idempotent),
            ("open-world", self.open_world),
        ];
        let words: Vec<_> = hints
            .iter()
            .filter_map(|(word, hint)| hint.map(|yes| if yes { (*word).to_owned() } else { format!("not {word}") }))
            .collect();
        f.write_str(&if words.is_empty() { "-".to_owned() } else { words.join(", ") })
    }
}
