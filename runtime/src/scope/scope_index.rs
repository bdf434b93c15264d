//! Assignment of scopes to bits, and the hierarchy of scopes.

use std::{borrow::Borrow, collections::HashMap, hash::Hash};

use super::{ScopeSet, Scopes};

/// All scopes of a server, from the lists of all its operations. Built once, when the server is built.
///
/// `N` is the type of names. It is `&'static str` in a server; an access policy is evaluated with the names that it owns.
#[derive(Debug, Default)]
pub(crate) struct ScopeIndex<N = &'static str> {
    names: Vec<N>,
    bits: HashMap<N, usize>,
    /// For each scope: the scope itself and every scope that it implies, transitively.
    granted_by: Vec<ScopeSet>,
}

impl ScopeIndex {
    pub(crate) fn new<'a>(lists: impl IntoIterator<Item = &'a Scopes>) -> Self {
        let lists: Vec<_> = lists.into_iter().collect();
        Self::with_hierarchy(
            lists.iter().flat_map(|list| list.names().iter().copied()),
            lists.iter().flat_map(|list| list.rules()).map(|rule| (rule.scope, rule.implied.iter().copied())),
        )
    }
}

impl<N: Borrow<str> + Copy + Eq + Hash> ScopeIndex<N> {
    /// Creates an index of `names`. Each rule is a scope and the scopes that it implies. A scope that is not in `names`
    /// implies nothing and is not implied.
    pub(crate) fn with_hierarchy<I: IntoIterator<Item = N>>(
        names: impl IntoIterator<Item = N>,
        rules: impl IntoIterator<Item = (N, I)>,
    ) -> Self {
        let mut index = Self { names: Vec::new(), bits: HashMap::new(), granted_by: Vec::new() };
        for name in names {
            index.bits.entry(name).or_insert_with(|| {
                index.names.push(name);
                index.names.len() - 1
            });
        }
        let bit_of = |name: N| index.bit(name.borrow());
        let rules: Vec<(usize, Vec<usize>)> = rules
            .into_iter()
            .filter_map(|(scope, implied)| Some((bit_of(scope)?, implied.into_iter().filter_map(bit_of).collect())))
            .collect();
        index.granted_by = (0..index.names.len()).map(|bit| transitive_closure(bit, &rules)).collect();
        index
    }

    /// Returns the set of these scopes and of every scope that they imply. Scopes of no list are ignored.
    pub(crate) fn expand<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> ScopeSet {
        let mut set = ScopeSet::default();
        for name in names {
            if let Some(bit) = self.bit(name) {
                set.union(&self.granted_by[bit]);
            }
        }
        set
    }

    /// Returns the bit of a scope, if a list contains it.
    pub(crate) fn bit(&self, name: &str) -> Option<usize> {
        self.bits.get(name).copied()
    }

    /// Returns all scopes, in the order of the lists. The position of a scope is its bit.
    pub(crate) fn names(&self) -> &[N] {
        &self.names
    }
}

fn transitive_closure(start: usize, rules: &[(usize, Vec<usize>)]) -> ScopeSet {
    let mut set = ScopeSet::default();
    let mut pending = vec![start];
    while let Some(bit) = pending.pop() {
        if !set.contains(bit) {
            set.insert(bit);
            pending.extend(rules.iter().filter(|(scope, _)| *scope == bit).flat_map(|(_, implied)| implied));
        }
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;

    static COMPANY: Scopes = Scopes::new(&["all", "read", "read:public", "write"])
        .implies("all", &["read", "write"])
        .implies("read", &["read:public"]);
    static OTHER: Scopes = Scopes::new(&["write", "other"]);

    #[test]
    fn implications_are_transitive() {
        let index = ScopeIndex::new([&COMPANY]);
        assert_eq!(index.expand(["all"]).len(), 4);
        assert_eq!(index.expand(["read"]), index.expand(["read", "read:public"]));
        assert!(!index.expand(["read:public"]).contains(index.bit("read").unwrap()));
    }

    #[test]
    fn a_scope_in_two_lists_has_one_bit() {
        let index = ScopeIndex::new([&COMPANY, &OTHER]);
        assert_eq!(index.names(), ["all", "read", "read:public", "write", "other"]);
    }

    #[test]
    fn borrowed_names_expand_like_static_names() {
        let names: Vec<String> = COMPANY.names().iter().map(|&name| name.to_owned()).collect();
        let [all, read, public, write] = names.iter().map(String::as_str).collect::<Vec<_>>()[..] else { panic!() };
        let index = ScopeIndex::with_hierarchy(
            [all, read, public, write],
            [(all, vec![read, write]), (read, vec![public]), (read, vec!["unknown"]), ("unknown", vec![all])],
        );
        for scope in COMPANY.names() {
            assert_eq!(index.expand([*scope]), ScopeIndex::new([&COMPANY]).expand([*scope]));
        }
    }

    #[test]
    fn an_unknown_scope_grants_nothing() {
        assert!(ScopeIndex::new([&COMPANY]).expand(["Read", "read ", "", "nothing"]).is_empty());
    }
}
