//! What the gate reads and writes, for `crate::__fuzzing`.

use serde::de::IgnoredAny;
use serde_json::Value;

use super::{
    challenge::Challenge,
    envelope::{Envelope, INVALID_REQUEST, PARSE_ERROR},
};

/// A challenge with a line each for the address of the metadata and the description, and one for every scope.
///
/// # Panics
///
/// When a client would not read what was written.
pub fn challenge(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let mut lines = text.split('\n');
    let [url, description] = [lines.next().unwrap_or_default(), lines.next().unwrap_or_default()];
    let scopes: Vec<_> = lines.collect();
    let header =
        Challenge::bearer(url).error("invalid_token", description).scope(scopes.iter().copied()).into_header();
    let header = header.to_str().expect("a challenge is ASCII");
    let legal = |value: &str| value.chars().filter(|c| (' '..='~').contains(c)).collect::<String>();
    let mut written = vec![
        ("resource_metadata", legal(url)),
        ("error", "invalid_token".to_owned()),
        ("error_description", legal(description)),
    ];
    if !scopes.is_empty() {
        written.push(("scope", legal(&scopes.join(" "))));
    }
    let read = parameters(header).expect("what was written can be read");
    assert!(read.iter().map(|(name, value)| (*name, value)).eq(written.iter().map(|(name, value)| (*name, value))));
    // And the reader itself, with what nobody wrote.
    let _ = parameters(&text);
}

/// Reads a challenge as RFC 9110 has it: parameters with quoted strings.
fn parameters(header: &str) -> Option<Vec<(&str, String)>> {
    let mut found = Vec::new();
    let mut rest = header.strip_prefix("Bearer ")?;
    loop {
        let (name, tail) = rest.split_once("=\"")?;
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return None;
        }
        let mut value = String::new();
        let mut characters = tail.char_indices();
        let end = loop {
            match characters.next()? {
                (_, '\\') => value.push(characters.next()?.1),
                (at, '"') => break at,
                (_, c) => value.push(c),
            }
        };
        found.push((name, value));
        rest = &tail[end + 1..];
        if rest.is_empty() {
            return Some(found);
        }
        rest = rest.strip_prefix(", ")?;
    }
}

/// The body of a request.
///
/// # Panics
///
/// When another parser would read another call out of it.
pub fn envelope(input: &[u8]) {
    let other: Result<Value, _> = serde_json::from_slice(input);
    let envelope = match Envelope::parse(input) {
        Ok(envelope) => envelope,
        Err(malformed) => {
            assert!([PARSE_ERROR, INVALID_REQUEST].contains(&malformed.code));
            assert!(malformed.code == INVALID_REQUEST || other.is_err(), "it is JSON");
            return;
        }
    };
    let tool = envelope.called_tool();
    let bad = envelope.bad_call();
    let id = envelope.request_id();
    assert!(serde_json::from_str::<IgnoredAny>(id).is_ok(), "an id that would break the answer");
    // A parser that gives up where this one does not (nesting, numbers) reads nothing else, at least.
    let Ok(other) = other else { return };
    assert!(other.is_object());
    let method = other["method"].as_str();
    assert_eq!(envelope.method.as_deref(), method);
    let named = if method == Some("tools/call") { other["params"]["name"].as_str() } else { None };
    assert_eq!(tool.as_deref(), named);
    assert!(bad.is_some() || method != Some("tools/call") || envelope.id.is_none() || named.is_some());
    assert!(
        !(other["id"].is_string() || other["id"].is_number())
            || serde_json::from_str(id).ok() == Some(other["id"].clone())
    );
}
