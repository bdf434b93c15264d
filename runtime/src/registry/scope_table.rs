//! The scope table: every tool with the scopes that it requires, for reviews.

use std::fmt;

use serde::Serialize;

use crate::{
    scope::Scopes,
    tool::{Annotations, ToolDescriptor},
};

/// Description of a tool: its name, the scopes that it requires, and its hints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ToolInfo {
    /// Name on the wire.
    pub name: &'static str,
    /// Scopes that are all required.
    pub scopes: Vec<&'static str>,
    /// Scopes of which one is required; empty if there is no such alternative.
    pub any_scope: Vec<&'static str>,
    /// Hints for clients.
    pub annotations: Annotations,
    /// File and line of the function.
    pub defined_at: &'static str,
}

impl ToolInfo {
    pub(super) fn new(descriptor: &ToolDescriptor, scopes: Vec<&'static str>) -> Self {
        Self {
            name: descriptor.name,
            scopes,
            any_scope: descriptor.any.iter().map(|scope| scope.name()).collect(),
            annotations: descriptor.annotations,
            defined_at: descriptor.defined_at,
        }
    }

    /// Formats the requirement: `a and b`, `one of a, b`, or `any valid token`.
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

/// The tools of a scope list and the scopes that each requires. `Display` prints a table.
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
    /// Creates the table of a scope list, sorted by tool name. It needs no server.
    pub fn of(list: &'static Scopes) -> Self {
        let mut tools: Vec<_> = ToolDescriptor::registered(&[list])
            .map(|descriptor| ToolInfo::new(descriptor, descriptor.required_scopes(&[])))
            .collect();
        tools.sort_by_key(|tool| tool.name);
        Self { tools }
    }

    pub(crate) fn from_tools<'a>(tools: impl IntoIterator<Item = &'a ToolInfo>) -> Self {
        Self { tools: tools.into_iter().cloned().collect() }
    }

    /// Returns the tools.
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
