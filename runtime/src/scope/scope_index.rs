//! Which bit is which scope, and what each scope implies.

use std::collections::HashMap;

use super::{ScopeSet, Scopes};

/// The scopes of all lists that a server takes tools from, interned once when it is built.
#[derive(Debug, Default)]
pub(crate) struct ScopeIndex {
    names: Vec<&'static str>,
    bits: HashMap<&'static str, usize>,
    /// For each scope: itself and all that it implies, transitively.
    closures: Vec<ScopeSet>,
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
        index.closures = (0..index.names.len()).map(|bit| closure(bit, &rules)).collect();
        index
    }

    /// The bits of these scopes and of all that they imply. Scopes that the server does not know grant nothing.
    pub(crate) fn expand<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> ScopeSet {
        let mut set = ScopeSet::default();
        for name in names {
            if let Some(bit) = self.bit(name) {
                set.union(&self.closures[bit]);
            }
        }
        set
    }

    pub(crate) fn bit(&self, name: &str) -> Option<usize> {
        self.bits.get(name).copied()
    }

    /// All scopes, in the order of the lists.
    pub(crate) fn names(&self) -> &[&'static str] {
        &self.names
    }
}

fn closure(start: usize, rules: &[(usize, Vec<usize>)]) -> ScopeSet {
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
    fn a_scope_that_two_lists_declare_is_one_scope() {
        let index = ScopeIndex::new([&COMPANY, &OTHER]);
        assert_eq!(index.names(), ["all", "read", "read:public", "write", "other"]);
    }

    #[test]
    fn an_unknown_scope_grants_nothing() {
        assert!(ScopeIndex::new([&COMPANY]).expand(["Read", "read ", "", "nothing"]).is_empty());
    }
}
