//! May this caller use this tool? The one place that says so, for the list and for calls alike.

use std::sync::Arc;

use super::{RegisteredTool, Registry};
use crate::{
    auth::Caller,
    scope::{ScopeSet, Shortfall},
};

/// Proof that a caller may call a tool. Only [`Registry::decide`] makes one, and a body runs only by spending one.
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

/// Why a caller may not call a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There is no tool of this name.
    Unknown,
    /// There is one, but it does not exist for this caller: a visibility rule or the operator hides it.
    Hidden,
    /// The token has too few scopes.
    InsufficientScope(Shortfall),
}

/// What the decision comes to, before anybody is told why.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Allowed,
    Hidden,
    InsufficientScope,
}

impl Registry {
    /// Decides about one call.
    pub(crate) fn decide<'a>(&'a self, name: &str, caller: &'a Arc<Caller>) -> Result<Authorized<'a>, Refusal> {
        let tool = self.get(name).ok_or(Refusal::Unknown)?;
        match self.verdict(tool, caller) {
            Verdict::Allowed => Ok(Authorized { tool, caller }),
            Verdict::Hidden => Err(Refusal::Hidden),
            Verdict::InsufficientScope => {
                let shortfall = tool.requirement().shortfall(caller.granted());
                Err(Refusal::InsufficientScope(shortfall))
            }
        }
    }

    /// The tools that [`decide`](Self::decide) lets this caller call, in the order of their names.
    pub(crate) fn visible_to<'a>(&'a self, caller: &'a Caller) -> impl Iterator<Item = &'a RegisteredTool> + 'a {
        self.tools().iter().filter(move |tool| self.allows(tool, caller))
    }

    /// The same for two callers only if they see the same tools.
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

    /// Whether this caller may call this tool, for whoever need not be told why not.
    pub(crate) fn allows(&self, tool: &RegisteredTool, caller: &Caller) -> bool {
        self.verdict(tool, caller) == Verdict::Allowed
    }

    /// The decision, for lists and calls alike: some ANDs, and no allocation.
    fn verdict(&self, tool: &RegisteredTool, caller: &Caller) -> Verdict {
        if self.is_switched_off(tool) || !tool.is_visible_to(caller) {
            Verdict::Hidden
        } else if tool.requirement().is_met_by(caller.granted()) {
            Verdict::Allowed
        } else {
            Verdict::InsufficientScope
        }
    }
}
