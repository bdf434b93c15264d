//! A table of records by key.

use std::collections::HashMap;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::data::{Journal, Record};

/// Records of one kind. All changes go through its methods, which write them down.
#[derive(Debug)]
pub(crate) struct Table<T> {
    kind: &'static str,
    records: HashMap<String, T>,
    journal: Journal,
}

impl<T: Serialize + DeserializeOwned> Table<T> {
    /// The table of a kind, with what was written down before. A record that cannot be read any more is left out.
    pub(crate) fn restore(kind: &'static str, stored: &[Record], journal: &Journal) -> Self {
        let stored = stored.iter().filter(|record| record.kind == kind);
        let records = stored.filter_map(|stored| match serde_json::from_str(&stored.body) {
            Ok(record) => Some((stored.key.clone(), record)),
            Err(error) => {
                tracing::warn!(%error, kind, "a stored record is unreadable and left out");
                None
            }
        });
        Self { kind, records: records.collect(), journal: journal.clone() }
    }

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
        let key = key.into();
        self.journal.put(self.kind, &key, &record);
        self.records.insert(key, record);
    }

    pub(crate) fn remove(&mut self, key: &str) {
        if self.records.remove(key).is_some() {
            self.journal.delete(self.kind, key);
        }
    }

    /// Removes every record for which `goes` holds and answers how many went.
    pub(crate) fn remove_where(&mut self, mut goes: impl FnMut(&str, &T) -> bool) -> usize {
        let before = self.records.len();
        self.records.retain(|key, record| {
            let gone = goes(key, record);
            if gone {
                self.journal.delete(self.kind, key);
            }
            !gone
        });
        before - self.records.len()
    }
}
