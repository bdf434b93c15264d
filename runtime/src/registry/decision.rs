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

/// A tool in the list of a caller.
#[derive(Debug)]
pub(crate) struct ListedTool<'a> {
    pub(crate) tool: &'a RegisteredTool,
    /// Scopes that the token lacks; `None` if the caller may call the tool.
    pub(crate) missing: Option<MissingScopes>,
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

    /// Returns the tools in the list of this caller, in the order of their names: those that it may call, and those for
    /// which it only lacks scopes, if they are listed, too.
    pub(crate) fn listed_for<'a>(&'a self, caller: &'a Caller) -> impl Iterator<Item = ListedTool<'a>> + 'a {
        self.tools().iter().filter_map(move |tool| self.listed(tool, self.decision(tool, caller), caller.granted()))
    }

    fn listed<'a>(&self, tool: &'a RegisteredTool, decision: Decision, granted: &ScopeSet) -> Option<ListedTool<'a>> {
        let missing = match decision {
            Decision::Allowed => None,
            Decision::InsufficientScope if self.lists_acquirable() => {
                Some(tool.requirement().missing_scopes(granted))
            }
            Decision::InsufficientScope | Decision::Hidden => return None,
        };
        Some(ListedTool { tool, missing })
    }

    /// Returns a key that is equal for two callers only if both have the same list of tools.
    pub(crate) fn visibility_key(&self, caller: &Caller) -> ScopeSet {
        if self.is_decided_by_scopes() {
            return caller.granted().clone();
        }
        if self.lists_acquirable() {
            // The granted scopes, from which the missing ones follow, then the tools that no rule hides.
            let mut key = caller.granted().clone();
            for (i, tool) in self.tools().iter().enumerate() {
                if self.decision(tool, caller) != Decision::Hidden {
                    key.insert(self.first_tool_bit() + i);
                }
            }
            return key;
        }
        let mut visible = ScopeSet::default();
        for (i, tool) in self.tools().iter().enumerate() {
            if self.allows(tool, caller) {
                visible.insert(i);
            }
        }
        visible
    }

    /// Returns the tools in the list of the callers with this [visibility key](Self::visibility_key), in the order of
    /// their names. Rules are not evaluated again, because their outcome may have changed since.
    pub(crate) fn listed_by_key<'a>(&'a self, key: &'a ScopeSet) -> impl Iterator<Item = ListedTool<'a>> + 'a {
        let (by_scopes, acquirable) = (self.is_decided_by_scopes(), self.lists_acquirable());
        self.tools().iter().enumerate().filter_map(move |(i, tool)| {
            let decision = if by_scopes || acquirable && key.contains(self.first_tool_bit() + i) {
                by_granted(tool, key)
            } else if !acquirable && key.contains(i) {
                Decision::Allowed
            } else {
                Decision::Hidden
            };
            self.listed(tool, decision, key)
        })
    }

    /// Returns whether `caller` may call `tool`.
    pub(crate) fn allows(&self, tool: &RegisteredTool, caller: &Caller) -> bool {
        self.decision(tool, caller) == Decision::Allowed
    }

    /// Decides without allocating: deny rules, visibility rules, then a few bit operations.
    fn decision(&self, tool: &RegisteredTool, caller: &Caller) -> Decision {
        if self.is_disabled(tool) || !tool.is_visible_to(caller, self.states()) {
            Decision::Hidden
        } else {
            by_granted(tool, caller.granted())
        }
    }
}

/// Decides by the granted scopes alone.
fn by_granted(tool: &RegisteredTool, granted: &ScopeSet) -> Decision {
    if tool.requirement().is_met_by(granted) { Decision::Allowed } else { Decision::InsufficientScope }
}
