//! Assignment of scopes to bits, and the hierarchy of scopes.

use std::collections::HashMap;

use super::{ScopeSet, Scopes};

/// All scopes of a server, from the lists of all its tools. Built once, when the server is built.
#[derive(Debug, Default)]
pub(crate) struct ScopeIndex {
    names: Vec<&'static str>,
    bits: HashMap<&'static str, usize>,
    /// For each scope: the scope itself and every scope that it implies, transitively.
    granted_by: Vec<ScopeSet>,
}

impl ScopeIndex {
    pub(crate) fn new<'a>(lists: impl IntoIterator<Item = &'a Scopes>) -> Self {
        let mut index = Self::default();
        let mut rules = Vec::new();
        for list in lists {
            for &name in list.names() {
                index.bits.entry(name).or_insert_with(|| {
                    index.names.push(name);
                    index.names.len() - 1
                });
            }
            rules.extend(list.rules().iter().map(|rule| {
                (index.bits[rule.scope], rule.implied.iter().map(|name| index.bits[name]).collect::<Vec<_>>())
            }));
        }
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
    pub(crate) fn names(&self) -> &[&'static str] {
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
    fn an_unknown_scope_grants_nothing() {
        assert!(ScopeIndex::new([&COMPANY]).expand(["Read", "read ", "", "nothing"]).is_empty());
    }
}
