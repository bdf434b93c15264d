//! Scope requirement of a tool.

use std::{borrow::Borrow, hash::Hash};

use serde::Serialize;

use super::{ScopeIndex, ScopeSet, scope_set::Mask};

/// Requirement of a tool: every scope in `all`, and at least one scope in `any` unless `any` is empty. A requirement
/// without scopes is met by every valid token.
///
/// `N` is the type of names, as in [`ScopeIndex`].
#[derive(Clone, Debug)]
pub(crate) struct Requirement<N = &'static str> {
    all: Vec<RequiredScope<N>>,
    any: Vec<RequiredScope<N>>,
    all_mask: Mask,
    any_mask: Option<Mask>,
}

/// Required scope and its bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct RequiredScope<N> {
    name: N,
    bit: usize,
}

/// Scopes that a call requires and the token does not grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MissingScopes {
    /// Required scopes that the token does not grant.
    pub missing: Vec<&'static str>,
    /// Every scope that the call requires, including those that the token grants. The challenge names these.
    pub required: Vec<&'static str>,
}

impl<N: Borrow<str> + Copy + Eq + Hash> Requirement<N> {
    /// Creates a requirement. A scope that is not in `index` can never be met.
    pub(crate) fn new(
        index: &ScopeIndex<N>,
        all: impl IntoIterator<Item = N>,
        any: impl IntoIterator<Item = N>,
    ) -> Self {
        let mut requirement = Self { all: Vec::new(), any: Vec::new(), all_mask: Mask::default(), any_mask: None };
        for name in all {
            let scope = RequiredScope::new(index, name);
            if !requirement.all.contains(&scope) {
                requirement.all.push(scope);
                requirement.all_mask.insert(scope.bit);
            }
        }
        for name in any {
            let scope = RequiredScope::new(index, name);
            requirement.any.push(scope);
            requirement.any_mask.get_or_insert_default().insert(scope.bit);
        }
        requirement
    }

    /// Returns whether the granted scopes meet the requirement.
    #[inline]
    pub(crate) fn is_met_by(&self, granted: &ScopeSet) -> bool {
        self.all_mask.all_in(granted) && self.any_mask.as_ref().is_none_or(|mask| mask.any_in(granted))
    }

    /// Returns every scope that a token with the granted scopes needs, and whether it is granted. Of the scopes in
    /// `any`, it requires one that is granted, otherwise the first.
    pub(crate) fn required(&self, granted: &ScopeSet) -> impl Iterator<Item = (N, bool)> {
        let alternative = self.any.iter().find(|scope| granted.contains(scope.bit)).or(self.any.first());
        let required = self.all.iter().chain(alternative.filter(|scope| !self.all.contains(scope)));
        required.map(|scope| (scope.name, granted.contains(scope.bit)))
    }
}

impl Requirement {
    /// Returns the missing scopes, for a challenge, if [`is_met_by`](Self::is_met_by) returned false.
    pub(crate) fn missing_scopes(&self, granted: &ScopeSet) -> MissingScopes {
        MissingScopes {
            missing: self.required(granted).filter(|(_, is_granted)| !is_granted).map(|(name, _)| name).collect(),
            required: self.required_scopes(granted),
        }
    }

    /// Returns the scopes that a challenge names.
    pub(crate) fn required_scopes(&self, granted: &ScopeSet) -> Vec<&'static str> {
        self.required(granted).map(|(name, _)| name).collect()
    }
}

impl<N: Borrow<str> + Copy + Eq + Hash> RequiredScope<N> {
    /// A scope that is not in the index is assigned a bit that no token has, so that the requirement is never met.
    fn new(index: &ScopeIndex<N>, name: N) -> Self {
        Self { name, bit: index.bit(name.borrow()).unwrap_or(index.names().len()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scopes;

    static SCOPES: Scopes = Scopes::new(&["a", "b", "c", "d", "top"]).implies("top", &["a", "c"]);

    fn decide(all: &[&'static str], any: &[&'static str], granted: &[&str]) -> Result<(), MissingScopes> {
        let index = ScopeIndex::new([&SCOPES]);
        let requirement = Requirement::new(&index, all.iter().copied(), any.iter().copied());
        let granted = index.expand(granted.iter().copied());
        if requirement.is_met_by(&granted) { Ok(()) } else { Err(requirement.missing_scopes(&granted)) }
    }

    #[test]
    fn all_requires_every_scope() {
        assert!(decide(&["a", "b"], &[], &["a", "b"]).is_ok());
        let missing_scopes = decide(&["a", "b"], &[], &["a"]).unwrap_err();
        assert_eq!(missing_scopes.required, ["a", "b"]);
        assert_eq!(missing_scopes.missing, ["b"]);
    }

    #[test]
    fn any_requires_one_scope() {
        assert!(decide(&[], &["c", "d"], &["d"]).is_ok());
        assert_eq!(decide(&[], &["c", "d"], &["a"]).unwrap_err().required, ["c"]);
    }

    #[test]
    fn all_and_any_must_both_be_met() {
        assert!(decide(&["a"], &["c", "d"], &["a"]).is_err());
        assert!(decide(&["a"], &["c", "d"], &["d"]).is_err());
        assert!(decide(&["a"], &["c", "d"], &["a", "d"]).is_ok());
    }

    #[test]
    fn missing_scopes_prefers_an_alternative_that_is_granted() {
        let missing_scopes = decide(&["a"], &["c", "d"], &["d"]).unwrap_err();
        assert_eq!(missing_scopes.required, ["a", "d"]);
        assert_eq!(missing_scopes.missing, ["a"]);
    }

    #[test]
    fn an_implied_scope_meets_the_requirement() {
        assert!(decide(&["a"], &["c"], &["top"]).is_ok());
    }

    #[test]
    fn a_requirement_without_scopes_is_always_met() {
        assert!(decide(&[], &[], &[]).is_ok());
    }

    #[test]
    fn a_scope_that_is_in_no_list_is_never_met() {
        assert!(decide(&["unknown"], &[], &["a", "b", "c", "d", "top", "unknown"]).is_err());
        assert!(decide(&[], &["unknown"], &["a", "b", "c", "d", "top", "unknown"]).is_err());
    }
}
