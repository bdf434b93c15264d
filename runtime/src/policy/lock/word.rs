//! Words and texts of a lock file. Those with unusual characters are JSON strings.

use std::borrow::Cow;

use super::LockProblem;
use crate::operation::{OperationKind, label, parse_label};

/// Word between the scopes and the condition of `scopes_if`.
pub(super) const WHEN: &str = "when";

/// Formats a name, quoted if it is not one word.
pub(in crate::policy) fn write_word(word: &str) -> Cow<'_, str> {
    let is_bare = |c: char| !c.is_whitespace() && !c.is_control() && c != '"' && c != '\\';
    if !word.is_empty() && word != WHEN && !word.starts_with('#') && word.chars().all(is_bare) {
        Cow::Borrowed(word)
    } else {
        Cow::Owned(json_string(word))
    }
}

/// Formats the label of an operation, with its name quoted if it is not one word.
pub(in crate::policy) fn write_label(text: &str) -> Cow<'_, str> {
    match parse_label(text) {
        (OperationKind::Prompt, name) => Cow::Owned(label(OperationKind::Prompt, &write_word(name)).into_owned()),
        (OperationKind::Tool | OperationKind::Resource, name) => write_word(name),
    }
}

/// Formats a text that ends its line, quoted if it could be read differently.
pub(super) fn write_text(text: &str) -> Cow<'_, str> {
    let is_bare =
        !text.is_empty() && text.trim() == text && !text.starts_with('"') && !text.contains(char::is_control);
    if is_bare { Cow::Borrowed(text) } else { Cow::Owned(json_string(text)) }
}

/// Reads the first word of `text`. Returns the word, whether it is quoted, and the rest.
pub(super) fn read_word(text: &str) -> Result<Option<(String, bool, &str)>, LockProblem> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    if !text.starts_with('"') {
        let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        return Ok(Some((word.to_owned(), false, rest)));
    }
    let mut strings = serde_json::Deserializer::from_str(text).into_iter::<String>();
    match strings.next() {
        Some(Ok(word)) => {
            let end = strings.byte_offset();
            Ok(Some((word, true, &text[end..])))
        }
        _ => Err(LockProblem::InvalidString { text: text.to_owned() }),
    }
}

/// Reads a text that ends its line.
pub(super) fn read_text(text: &str) -> Result<Option<String>, LockProblem> {
    let text = text.trim();
    if !text.starts_with('"') {
        return Ok((!text.is_empty()).then(|| text.to_owned()));
    }
    match serde_json::from_str(text) {
        Ok(text) => Ok(Some(text)),
        Err(_) => Err(LockProblem::InvalidString { text: text.to_owned() }),
    }
}

fn json_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
