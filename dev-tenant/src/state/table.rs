//! A table of records by key.

use std::collections::HashMap;

/// Records of one kind. All changes go through its methods, so that they can be written down.
#[derive(Debug)]
pub(crate) struct Table<T> {
    records: HashMap<String, T>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self {
            records: HashMap::new(),
        }
    }
}

impl<T> Table<T> {
    pub(crate) fn get(&self, key: &str) -> Option<&T> {
        self.records.get(key)
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        self.records.values()
    }

    pub(crate) fn put(&mut self, key: impl Into<String>, record: T) {
        self.records.insert(key.into(), record);
    }

    pub(crate) fn remove(&mut self, key: &str) {
        self.records.remove(key);
    }

    /// Removes every record for which `goes` holds and answers how many went.
    pub(crate) fn remove_where(&mut self, mut goes: impl FnMut(&str, &T) -> bool) -> usize {
        let before = self.records.len();
        self.records.retain(|key, record| !goes(key, record));
        before - self.records.len()
    }
}
