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

    pub(crate) fn put(&mut self, key: impl Into<String>, record: T) {
        self.records.insert(key.into(), record);
    }

    /// Removes every record for which `goes` holds and answers how many went.
    pub(crate) fn remove_where(&mut self, mut goes: impl FnMut(&str, &T) -> bool) -> usize {
        let before = self.records.len();
        self.records.retain(|key, record| !goes(key, record));
        before - self.records.len()
    }
}
