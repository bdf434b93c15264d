//! The decision whether a caller may use a tool, for lists and calls alike.

use std::sync::Arc;

use super::{RegisteredTool, ToolRegistry};
use crate::{
    auth::Caller,
    scope::{MissingScopes, ScopeSet},
};

/// Proof that a caller may call a tool. Only [`ToolRegistry::decide`] makes one, and a tool's body runs only by
/// consuming one.
#[derive(Debug)]
pub(crate) struct Authorized<'a> {
    tool: &'a RegisteredTool,
    caller: &'a Arc<Caller>,
}

impl<'a> Authorized<'a> {
    pub(crate) fn tool(&self) -> &'a RegisteredTool {
        self.tool
    }

    pub(crate) fn caller(&self) -> &'a Arc<Caller> {
        self.caller
    }
}

/// Reason why a caller may not call a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DecisionError {
    /// No tool has this name.
    UnknownTool,
    /// A visibility rule or a deny rule hides the tool from this caller.
    Hidden,
    /// The token lacks a scope.
    InsufficientScope(MissingScopes),
}

/// Outcome of the decision, without the missing scopes, which only a challenge needs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Decision {
    Allowed,
    Hidden,
    InsufficientScope,
}

impl ToolRegistry {
    /// Decides whether `caller` may call the tool named `name`.
    pub(crate) fn decide<'a>(&'a self, name: &str, caller: &'a Arc<Caller>) -> Result<Authorized<'a>, DecisionError> {
        let tool = self.get(name).ok_or(DecisionError::UnknownTool)?;
        match self.decision(tool, caller) {
            Decision::Allowed => Ok(Authorized { tool, caller }),
            Decision::Hidden => Err(DecisionError::Hidden),
            Decision::InsufficientScope => {
                Err(DecisionError::InsufficientScope(tool.requirement().missing_scopes(caller.granted())))
            }
        }
    }

    /// Returns the tools that [`decide`](Self::decide) authorizes for this caller, in the order of their names.
    pub(crate) fn visible_to<'a>(&'a self, caller: &'a Caller) -> impl Iterator<Item = &'a RegisteredTool> + 'a {
        self.tools().iter().filter(move |tool| self.allows(tool, caller))
    }

    /// Returns a key that is equal for two callers only if both see the same tools.
    pub(crate) fn visibility_key(&self, caller: &Caller) -> ScopeSet {
        if self.is_decided_by_scopes() {
            return caller.granted().clone();
        }
        let mut visible = ScopeSet::default();
        for (i, tool) in self.tools().iter().enumerate() {
            if self.allows(tool, caller) {
                visible.insert(i);
            }
        }
        visible
    }

    /// Returns the tools that the callers with this [visibility key](Self::visibility_key) see, in the order of their
    /// names. Rules are not evaluated again, because their outcome may have changed since.
    pub(crate) fn visible_by_key<'a>(&'a self, key: &'a ScopeSet) -> impl Iterator<Item = &'a RegisteredTool> + 'a {
        let by_scopes = self.is_decided_by_scopes();
        let is_visible = move |(i, tool): &(usize, &RegisteredTool)| {
            if by_scopes { tool.requirement().is_met_by(key) } else { key.contains(*i) }
        };
        self.tools().iter().enumerate().filter(is_visible).map(|(_, tool)| tool)
    }

    /// Returns whether `caller` may call `tool`.
    pub(crate) fn allows(&self, tool: &RegisteredTool, caller: &Caller) -> bool {
        self.decision(tool, caller) == Decision::Allowed
    }

    /// Decides without allocating: deny rules, visibility rules, then a few bit operations.
    fn decision(&self, tool: &RegisteredTool, caller: &Caller) -> Decision {
        if self.is_disabled(tool) || !tool.is_visible_to(caller, self.states()) {
            Decision::Hidden
        } else if tool.requirement().is_met_by(caller.granted()) {
            Decision::Allowed
        } else {
            Decision::InsufficientScope
        }
    }
}
