//! A table of records of one kind, by key.

use std::collections::HashMap;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::data::{Journal, Records};

/// Records of one kind, by key. Each method that changes them also sends the change to the journal.
#[derive(Debug)]
pub(crate) struct Table<T> {
    kind: &'static str,
    records: HashMap<String, T>,
    journal: Journal,
}

impl<T: Serialize + DeserializeOwned> Table<T> {
    /// Takes the table of a kind from the stored records. Records that this version cannot read are skipped.
    pub(crate) fn restore(kind: &'static str, stored: &mut Records, journal: &Journal) -> Self {
        let stored = stored.remove(kind).unwrap_or_default().into_iter();
        let records = stored.filter_map(|(key, record)| match serde_json::from_value(record) {
            Ok(record) => Some((key, record)),
            Err(error) => {
                tracing::warn!(%error, kind, "skipped a stored record that this version cannot read");
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

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.records.iter().map(|(key, record)| (key.as_str(), record))
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        self.records.values()
    }

    pub(crate) fn put(&mut self, key: impl Into<String>, record: T) {
        let key = key.into();
        self.journal.put(self.kind, &key, &record);
        self.records.insert(key, record);
    }

    /// Stores a record. At the maximum number of records, it removes the one that expires first.
    pub(crate) fn put_bounded(&mut self, key: &str, record: T, max: usize, expires_at: impl Fn(&T) -> u64) {
        if self.records.len() >= max && !self.records.contains_key(key) {
            let first = self.records.iter().min_by_key(|(_, record)| expires_at(record)).map(|(key, _)| key.clone());
            if let Some(first) = first {
                self.remove(&first);
            }
        }
        self.put(key, record);
    }

    pub(crate) fn remove(&mut self, key: &str) {
        if self.records.remove(key).is_some() {
            self.journal.delete(self.kind, key);
        }
    }

    /// Removes every record that the predicate selects. Returns their number.
    pub(crate) fn remove_where(&mut self, mut selects: impl FnMut(&str, &T) -> bool) -> usize {
        let before = self.records.len();
        self.records.retain(|key, record| {
            let selected = selects(key, record);
            if selected {
                self.journal.delete(self.kind, key);
            }
            !selected
        });
        before - self.records.len()
    }
}
