//! The decision whether a caller is authorized for an operation, for lists and calls alike.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Found, ListKind, ListedOperation, RegisteredOperation, Registry};
use crate::{
    audit::audited_arguments,
    auth::Caller,
    operation::OperationKind,
    scope::{MissingScopes, ScopeSet},
};

/// Proof that a caller is authorized for an operation. Only [`Registry::decide`] makes one, and the body of a tool, a
/// prompt or a resource runs only by consuming one.
#[derive(Debug)]
pub(crate) struct Authorized<'a> {
    found: Found<'a>,
    caller: &'a Arc<Caller>,
}

impl<'a> Authorized<'a> {
    pub(crate) fn operation(&self) -> &'a RegisteredOperation {
        self.found.operation
    }

    pub(crate) fn caller(&self) -> &'a Arc<Caller> {
        self.caller
    }

    /// Returns the arguments that the audit record of the call contains, as a JSON object.
    pub(super) fn audited_arguments(&self, given: &Map<String, Value>) -> Option<String> {
        let names = self.operation().descriptor().audit;
        if self.operation().kind() == OperationKind::Resource {
            let variable = |(name, value): (&str, &str)| (name.to_owned(), Value::String(value.to_owned()));
            return audited_arguments(names, &self.found.variables().iter().map(variable).collect());
        }
        audited_arguments(names, given)
    }

    /// Takes the arguments of the call: `given`, or the variables of the URI of a resource.
    pub(super) fn take_arguments(&mut self, given: Map<String, Value>) -> Map<String, Value> {
        self.found.take_arguments(given)
    }
}

/// Reason why a caller is not authorized for an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DecisionError {
    /// No operation has this name.
    Unknown,
    /// A visibility rule or a deny rule hides the operation from this caller.
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

impl Registry {
    /// Decides whether `caller` is authorized for an operation: the tool or prompt with this name, or the resource with
    /// this URI.
    pub(crate) fn decide<'a>(
        &'a self,
        kind: OperationKind,
        name: &str,
        caller: &'a Arc<Caller>,
    ) -> Result<Authorized<'a>, DecisionError> {
        let found = self.find(kind, name).ok_or(DecisionError::Unknown)?;
        self.decide_declared(found.operation, caller)?;
        Ok(Authorized { found, caller })
    }

    /// Decides whether `caller` is authorized for an operation as it was declared.
    pub(super) fn decide_declared(
        &self,
        operation: &RegisteredOperation,
        caller: &Caller,
    ) -> Result<(), DecisionError> {
        match self.decision(operation, caller) {
            Decision::Allowed => Ok(()),
            Decision::Hidden => Err(DecisionError::Hidden),
            Decision::InsufficientScope => {
                Err(DecisionError::InsufficientScope(operation.requirement().missing_scopes(caller.granted())))
            }
        }
    }

    /// Returns the operations of a list that [`decide`](Self::decide) authorizes for this caller, in the order of their
    /// names.
    pub(crate) fn visible_to<'a>(
        &'a self,
        list: ListKind,
        caller: &'a Caller,
    ) -> impl Iterator<Item = &'a RegisteredOperation> + 'a {
        self.list(list).iter().filter(move |operation| self.allows(operation, caller))
    }

    fn listed<'a>(
        &self,
        operation: &'a RegisteredOperation,
        decision: Decision,
        granted: &ScopeSet,
    ) -> Option<ListedOperation<'a>> {
        let missing = match decision {
            Decision::Allowed => None,
            Decision::InsufficientScope if self.lists_acquirable(operation.list()) => {
                Some(operation.requirement().missing_scopes(granted))
            }
            Decision::InsufficientScope | Decision::Hidden => return None,
        };
        Some(ListedOperation { operation, missing })
    }

    /// Returns a key that is equal for two callers only if both have the same list.
    pub(crate) fn visibility_key(&self, list: ListKind, caller: &Caller) -> ScopeSet {
        if self.is_decided_by_scopes(list) {
            return caller.granted().clone();
        }
        if self.lists_acquirable(list) {
            // The granted scopes, from which the missing ones follow, then the operations that no rule hides.
            let mut key = caller.granted().clone();
            for (i, operation) in self.list(list).iter().enumerate() {
                if self.decision(operation, caller) != Decision::Hidden {
                    key.insert(self.first_operation_bit() + i);
                }
            }
            return key;
        }
        let mut visible = ScopeSet::default();
        for (i, operation) in self.list(list).iter().enumerate() {
            if self.allows(operation, caller) {
                visible.insert(i);
            }
        }
        visible
    }

    /// Returns the list of the callers with this [visibility key](Self::visibility_key), in the order of the names. Rules
    /// are not evaluated again, because their outcome may have changed since.
    pub(crate) fn listed_by_key<'a>(
        &'a self,
        list: ListKind,
        key: &'a ScopeSet,
    ) -> impl Iterator<Item = ListedOperation<'a>> + 'a {
        let (by_scopes, acquirable) = (self.is_decided_by_scopes(list), self.lists_acquirable(list));
        self.list(list).iter().enumerate().filter_map(move |(i, operation)| {
            let decision = if by_scopes || acquirable && key.contains(self.first_operation_bit() + i) {
                by_granted(operation, key)
            } else if !acquirable && key.contains(i) {
                Decision::Allowed
            } else {
                Decision::Hidden
            };
            self.listed(operation, decision, key)
        })
    }

    /// Returns whether the lists of two [visibility keys](Self::visibility_key) are equal, as clients receive them.
    pub(crate) fn is_same_list(&self, list: ListKind, a: &ScopeSet, b: &ScopeSet) -> bool {
        let is_same = |x: &ListedOperation<'_>, y: &ListedOperation<'_>| {
            // A list that shows what can be acquired has the scopes of each tool, which depend on the granted ones.
            std::ptr::eq(x.operation, y.operation)
                && (!self.lists_acquirable(list) || x.with_access(a).as_tool() == y.with_access(b).as_tool())
        };
        let (mut of_a, mut of_b) = (self.listed_by_key(list, a), self.listed_by_key(list, b));
        loop {
            match (of_a.next(), of_b.next()) {
                (Some(x), Some(y)) if is_same(&x, &y) => {}
                (None, None) => return true,
                _ => return false,
            }
        }
    }

    /// Returns whether `caller` is authorized for `operation`.
    pub(crate) fn allows(&self, operation: &RegisteredOperation, caller: &Caller) -> bool {
        self.decision(operation, caller) == Decision::Allowed
    }

    /// Decides without allocating: deny rules, visibility rules, then a few bit operations.
    fn decision(&self, operation: &RegisteredOperation, caller: &Caller) -> Decision {
        if self.is_disabled(operation) || !operation.is_visible_to(caller, self.states()) {
            Decision::Hidden
        } else {
            by_granted(operation, caller.granted())
        }
    }
}

/// Decides by the granted scopes alone.
fn by_granted(operation: &RegisteredOperation, granted: &ScopeSet) -> Decision {
    if operation.requirement().is_met_by(granted) { Decision::Allowed } else { Decision::InsufficientScope }
}
