//! What a tool requires, and whether a set of scopes meets it.

use super::{ScopeIndex, ScopeSet, set::Mask};

/// All of some scopes, and at least one of others where there are others. Without either: any caller with a valid
/// token.
#[derive(Clone, Debug, Default)]
pub(crate) struct Requirement {
    all: Vec<&'static str>,
    any: Vec<&'static str>,
    all_mask: Mask,
    any_mask: Option<Mask>,
}

/// Why a set of scopes does not meet a requirement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortfall {
    /// Every scope that a token needs to be allowed, those it has already included: what a challenge names.
    pub required: Vec<&'static str>,
    /// Those of `required` that the token does not have.
    pub missing: Vec<&'static str>,
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
            if !requirement.all.contains(&name) {
                requirement.all.push(name);
                requirement.all_mask.insert(bit_or_unmeetable(index, name));
            }
        }
        for name in any {
            requirement.any.push(name);
            requirement.any_mask.get_or_insert_default().insert(bit_or_unmeetable(index, name));
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
    pub(crate) fn shortfall(&self, index: &ScopeIndex, granted: &ScopeSet) -> Shortfall {
        let has = |name: &&'static str| index.bit(name).is_some_and(|bit| granted.contains(bit));
        let mut required = self.all.clone();
        // Every alternative adds one scope to the same others, so "nearest" is one that the caller has, or the first.
        if let Some(nearest) = self.any.iter().find(|name| has(name)).or(self.any.first())
            && !required.contains(nearest)
        {
            required.push(nearest);
        }
        let missing = required.iter().copied().filter(|name| !has(name)).collect();
        Shortfall { required, missing }
    }
}

/// A bit that no token has stands for a scope that the index does not know: such a requirement is never met.
fn bit_or_unmeetable(index: &ScopeIndex, name: &str) -> usize {
    index.bit(name).unwrap_or(index.names().len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scopes;

    static SCOPES: Scopes = Scopes::new(&["a", "b", "c", "d", "top"]).implies("top", &["a", "c"]);

    fn decide(all: &[&'static str], any: &[&'static str], granted: &[&str]) -> Result<(), Shortfall> {
        let index = ScopeIndex::new([&SCOPES]);
        let requirement = Requirement::new(&index, all.iter().copied(), any.iter().copied());
        let granted = index.expand(granted.iter().copied());
        if requirement.is_met_by(&granted) { Ok(()) } else { Err(requirement.shortfall(&index, &granted)) }
    }

    #[test]
    fn all_of_means_every_one() {
        assert!(decide(&["a", "b"], &[], &["a", "b"]).is_ok());
        let shortfall = decide(&["a", "b"], &[], &["a"]).unwrap_err();
        assert_eq!(shortfall.required, ["a", "b"]);
        assert_eq!(shortfall.missing, ["b"]);
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
        let shortfall = decide(&["a"], &["c", "d"], &["d"]).unwrap_err();
        assert_eq!(shortfall.required, ["a", "d"]);
        assert_eq!(shortfall.missing, ["a"]);
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
