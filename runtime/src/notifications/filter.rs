//! What a client subscribes to.

use std::{collections::BTreeSet, sync::Arc};

use crate::operation::OperationKind;

/// Changes that a client asked for, or those that it is notified of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    /// Whether it has the lists of each [kind of operations](OperationKind).
    lists: [bool; OperationKind::ALL.len()],
    uris: BTreeSet<Arc<str>>,
}

impl Filter {
    /// Creates a filter for the lists of some kinds of operations, and for some resources.
    pub(crate) fn new(lists: &[OperationKind], uris: Vec<String>) -> Self {
        let mut filter = Self { uris: uris.into_iter().map(Arc::from).collect(), ..Self::default() };
        for kind in lists {
            filter.lists[*kind as usize] = true;
        }
        filter
    }

    /// Returns whether it has the lists of this kind of operations.
    pub(crate) fn has_lists_of(&self, kind: OperationKind) -> bool {
        self.lists[kind as usize]
    }

    /// Returns the resources.
    pub(crate) fn uris(&self) -> &BTreeSet<Arc<str>> {
        &self.uris
    }

    pub(crate) fn uris_mut(&mut self) -> &mut BTreeSet<Arc<str>> {
        &mut self.uris
    }
}
