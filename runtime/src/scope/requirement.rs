//! Scope requirement of an operation.

use std::{borrow::Borrow, hash::Hash};

use serde::Serialize;

use super::{ScopeIndex, ScopeSet, scope_set::Mask};

/// Requirement of an operation: every scope in `all`, and at least one scope in `any` unless `any` is empty. A requirement
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

    /// Returns each smallest set of scopes that meets the requirement.
    pub(crate) fn alternatives(&self) -> impl Iterator<Item = Vec<&'static str>> {
        let names =
            |scopes: &[RequiredScope<&'static str>]| scopes.iter().map(|scope| scope.name).collect::<Vec<_>>();
        let all = names(&self.all);
        let is_implied = self.any.is_empty() || self.any.iter().any(|scope| self.all.contains(scope));
        let any = if is_implied { vec![None] } else { names(&self.any).into_iter().map(Some).collect() };
        any.into_iter().map(move |alternative| all.iter().copied().chain(alternative).collect())
    }

    /// Appends the scopes of a call as text, such as `a, b and c`. `required` are all scopes of the call, as a challenge
    /// names them. Of alternatives that are not met, it names all: `a and (b or c)`.
    pub(crate) fn describe(&self, required: &[&'static str], granted: &ScopeSet, text: &mut String) {
        let is_open = self.any.len() > 1 && !self.any.iter().any(|scope| granted.contains(scope.bit));
        let chosen = self.any.first().filter(|scope| is_open && !self.all.contains(scope)).map(|scope| scope.name);
        let others = required.iter().copied().filter(|&name| Some(name) != chosen);
        let count = required.len() - usize::from(required.iter().any(|&name| Some(name) == chosen));
        if chosen.is_none() {
            join(others, count, " and ", text);
            return;
        }
        let alternatives = self.any.iter().map(|scope| scope.name);
        if count == 0 {
            join(alternatives, self.any.len(), " or ", text);
            return;
        }
        others.for_each(|name| {
            text.push_str(name);
            text.push_str(", ");
        });
        text.truncate(text.len() - ", ".len());
        text.push_str(" and (");
        join(alternatives, self.any.len(), " or ", text);
        text.push(')');
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

/// Appends names as prose: `a, b and c`.
fn join(names: impl Iterator<Item = &'static str>, count: usize, last: &str, text: &mut String) {
    for (i, name) in names.enumerate() {
        if i > 0 {
            text.push_str(if i + 1 == count { last } else { ", " });
        }
        text.push_str(name);
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
    fn alternatives_are_the_smallest_sets_that_meet_a_requirement() {
        let alternatives = |all: &[&'static str], any: &[&'static str]| -> Vec<Vec<&'static str>> {
            let index = ScopeIndex::new([&SCOPES]);
            Requirement::new(&index, all.iter().copied(), any.iter().copied()).alternatives().collect()
        };
        assert_eq!(alternatives(&[], &[]), [Vec::<&str>::new()]);
        assert_eq!(alternatives(&["a", "b"], &[]), [["a", "b"]]);
        assert_eq!(alternatives(&["a"], &["c", "d"]), [["a", "c"], ["a", "d"]]);
        assert_eq!(alternatives(&["a"], &["a", "d"]), [["a"]]);
    }

    #[test]
    fn the_text_of_a_requirement_names_every_scope_and_every_open_alternative() {
        let text = |all: &[&'static str], any: &[&'static str], granted: &[&str], others: &[&'static str]| {
            let index = ScopeIndex::new([&SCOPES]);
            let requirement = Requirement::new(&index, all.iter().copied(), any.iter().copied());
            let granted = index.expand(granted.iter().copied());
            let mut required = requirement.required_scopes(&granted);
            required.extend(others);
            let mut text = String::new();
            requirement.describe(&required, &granted, &mut text);
            text
        };
        assert_eq!(text(&["a"], &[], &[], &[]), "a");
        assert_eq!(text(&["a", "b"], &[], &["a"], &[]), "a and b");
        assert_eq!(text(&["a", "b"], &[], &[], &["c"]), "a, b and c");
        assert_eq!(text(&[], &["c", "d"], &["a"], &[]), "c or d");
        assert_eq!(text(&[], &["c"], &[], &[]), "c");
        assert_eq!(text(&["a"], &["c", "d"], &[], &["b"]), "a, b and (c or d)");
        assert_eq!(text(&["a"], &["c", "d"], &["d"], &[]), "a and d");
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
