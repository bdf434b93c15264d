//! What a tool requires, and whether a set of scopes meets it.

use serde::Serialize;

use super::{ScopeIndex, ScopeSet, scope_set::Mask};

/// All of some scopes, and at least one of others where there are others. Without either: any caller with a valid
/// token.
#[derive(Clone, Debug, Default)]
pub(crate) struct Requirement {
    all: Vec<Needed>,
    any: Vec<Needed>,
    all_mask: Mask,
    any_mask: Option<Mask>,
}

/// One scope and its bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Needed {
    name: &'static str,
    bit: usize,
}

/// Why a set of scopes does not meet a requirement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MissingScopes {
    /// Those of `required` that the token does not have.
    pub missing: Vec<&'static str>,
    /// Every scope that a token needs to be allowed, those it has already included: what a challenge names.
    pub required: Vec<&'static str>,
}

impl Requirement {
    /// `all` and `any` are scopes of the index; a name that is not leaves the requirement unmeetable.
    pub(crate) fn new(
        index: &ScopeIndex,
        all: impl IntoIterator<Item = &'static str>,
        any: impl IntoIterator<Item = &'static str>,
    ) -> Self {
        let mut requirement = Self::default();
        for name in all {
            let needed = Needed::new(index, name);
            if !requirement.all.contains(&needed) {
                requirement.all.push(needed);
                requirement.all_mask.insert(needed.bit);
            }
        }
        for name in any {
            let needed = Needed::new(index, name);
            requirement.any.push(needed);
            requirement.any_mask.get_or_insert_default().insert(needed.bit);
        }
        requirement
    }

    /// The decision: some ANDs, however many scopes and tools there are.
    #[inline]
    pub(crate) fn is_met_by(&self, granted: &ScopeSet) -> bool {
        self.all_mask.all_in(granted) && self.any_mask.as_ref().is_none_or(|mask| mask.any_in(granted))
    }

    /// What to name in a challenge when [`is_met_by`](Self::is_met_by) said no. Of several alternatives it is the one
    /// that the caller is nearest to, and among equals the one that was declared first.
    pub(crate) fn missing_scopes(&self, granted: &ScopeSet) -> MissingScopes {
        let has = |needed: &Needed| granted.contains(needed.bit);
        // Every alternative adds one scope to the same others, so "nearest" is one that the caller has, or the first.
        let nearest = self.any.iter().find(|needed| has(needed)).or(self.any.first());
        let required = || self.all.iter().chain(nearest.filter(|nearest| !self.all.contains(nearest)));
        MissingScopes {
            missing: required().filter(|needed| !has(needed)).map(|needed| needed.name).collect(),
            required: required().map(|needed| needed.name).collect(),
        }
    }
}

impl Needed {
    /// A scope that the index does not know gets a bit that no token has: such a requirement is never met.
    fn new(index: &ScopeIndex, name: &'static str) -> Self {
        Self { name, bit: index.bit(name).unwrap_or(index.names().len()) }
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
    fn all_of_means_every_one() {
        assert!(decide(&["a", "b"], &[], &["a", "b"]).is_ok());
        let missing_scopes = decide(&["a", "b"], &[], &["a"]).unwrap_err();
        assert_eq!(missing_scopes.required, ["a", "b"]);
        assert_eq!(missing_scopes.missing, ["b"]);
    }

    #[test]
    fn any_of_means_one() {
        assert!(decide(&[], &["c", "d"], &["d"]).is_ok());
        assert_eq!(decide(&[], &["c", "d"], &["a"]).unwrap_err().required, ["c"]);
    }

    #[test]
    fn all_of_and_any_of_are_both_needed() {
        assert!(decide(&["a"], &["c", "d"], &["a"]).is_err());
        assert!(decide(&["a"], &["c", "d"], &["d"]).is_err());
        assert!(decide(&["a"], &["c", "d"], &["a", "d"]).is_ok());
    }

    #[test]
    fn the_challenge_names_the_alternative_that_the_caller_has() {
        let missing_scopes = decide(&["a"], &["c", "d"], &["d"]).unwrap_err();
        assert_eq!(missing_scopes.required, ["a", "d"]);
        assert_eq!(missing_scopes.missing, ["a"]);
    }

    #[test]
    fn a_broader_scope_counts() {
        assert!(decide(&["a"], &["c"], &["top"]).is_ok());
    }

    #[test]
    fn without_scopes_any_token_will_do() {
        assert!(decide(&[], &[], &[]).is_ok());
    }

    #[test]
    fn a_scope_of_no_list_is_never_met() {
        assert!(decide(&["unknown"], &[], &["a", "b", "c", "d", "top", "unknown"]).is_err());
        assert!(decide(&[], &["unknown"], &["a", "b", "c", "d", "top", "unknown"]).is_err());
    }
}
