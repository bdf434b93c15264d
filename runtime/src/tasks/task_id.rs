//! IDs of tasks.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::hexadecimal::hexadecimal;

/// Length of an ID, in hexadecimal digits.
const LENGTH: usize = 64;
/// Length of the name of a task in audit records, in hexadecimal digits.
const LABEL_LENGTH: usize = 12;

/// ID of a task: 244 random bits, which cannot be guessed. Using it also requires the access of the task's caller.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct TaskId(String);

/// Digest of an ID: the name of a task in the store and in the log, from which the ID cannot be derived.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct TaskKey(String);

impl TaskId {
    pub(super) fn random() -> Self {
        let [first, second] = [uuid::Uuid::new_v4(), uuid::Uuid::new_v4()];
        Self(format!("{}{}", first.simple(), second.simple()))
    }

    /// Reads an ID of a client. `None` if it cannot be that of a task.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        (text.len() == LENGTH && text.bytes().all(is_digit)).then(|| Self(text.to_owned()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn key(&self) -> TaskKey {
        TaskKey(hexadecimal(&Sha256::digest(&self.0)))
    }
}

impl TaskKey {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn from_text(text: String) -> Self {
        Self(text)
    }

    /// Returns the name of the task in audit records.
    pub(super) fn label(&self) -> &str {
        self.0.get(..LABEL_LENGTH).unwrap_or_default()
    }
}

/// Omits the ID.
impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TaskId").field(&self.key().label()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_random_and_its_debug_text_does_not_show_it() {
        let (id, other) = (TaskId::random(), TaskId::random());
        assert_ne!(id.as_str(), other.as_str());
        assert_eq!(TaskId::parse(id.as_str()), Some(id.clone()));
        let shown = format!("{id:?} {:?}", id.key());
        assert!(!shown.contains(id.as_str()) && shown.contains(id.key().label()), "{shown}");
    }

    #[test]
    fn texts_of_another_form_are_no_ids() {
        let id = TaskId::random().0;
        for text in ["", &id[1..], &format!("{id}0"), &id.to_uppercase(), &format!("{}é", &id[2..])] {
            assert!(text == id || TaskId::parse(text).is_none(), "{text}");
        }
    }
}
