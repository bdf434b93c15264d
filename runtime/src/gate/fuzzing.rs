//! Fuzz targets of the gate, for `crate::__fuzzing`.

use serde::de::IgnoredAny;
use serde_json::Value;

use super::{
    challenge::Challenge,
    json_bounds::JsonShape,
    jsonrpc::{INVALID_REQUEST, Message, PARSE_ERROR},
};

/// Writes a challenge. The first line is the URL of the metadata, the second the description; each further line a scope.
///
/// # Panics
///
/// A parser of challenges reads other parameters than were written.
pub fn challenge(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let mut lines = text.split('\n');
    let [url, description] = [lines.next().unwrap_or_default(), lines.next().unwrap_or_default()];
    let scopes: Vec<_> = lines.collect();
    let header = Challenge::bearer(url).error("invalid_token", description).scope(&scopes.join(" ")).into_header();
    let header = header.to_str().expect("a challenge is ASCII");
    let legal = |value: &str| value.chars().filter(|c| (' '..='~').contains(c)).collect::<String>();
    let mut written = vec![
        ("resource_metadata", legal(url)),
        ("error", "invalid_token".to_owned()),
        ("error_description", legal(description)),
    ];
    if !scopes.join(" ").is_empty() {
        written.push(("scope", legal(&scopes.join(" "))));
    }
    let read = parameters(header).expect("what was written can be read");
    assert!(read.iter().map(|(name, value)| (*name, value)).eq(written.iter().map(|(name, value)| (*name, value))));
    // The parser of this target must not panic on any input.
    let _ = parameters(&text);
}

/// Parses a challenge: parameters with quoted strings (RFC 9110, section 11.2).
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

/// Parses a request body.
///
/// # Panics
///
/// Another JSON parser reads another method, tool or id.
pub fn jsonrpc(input: &[u8]) {
    let reference: Result<Value, _> = serde_json::from_slice(input);
    let message = match Message::parse(input) {
        Ok(message) => message,
        Err(error) => {
            assert!([PARSE_ERROR, INVALID_REQUEST].contains(&error.code));
            assert!(error.code == INVALID_REQUEST || reference.is_err(), "the body is JSON");
            return;
        }
    };
    let target = message.target();
    let is_invalid_call = message.check_params().is_err();
    let id = message.request_id();
    assert!(serde_json::from_str::<IgnoredAny>(id).is_ok(), "the id is not JSON");
    // The reference parser rejects deep nesting and large numbers that this one skips.
    let Ok(reference) = reference else { return };
    assert!(reference.is_object());
    let method = reference["method"].as_str();
    assert_eq!(message.method.as_deref(), method);
    let member = match method {
        Some("tools/call" | "prompts/get") => Some("name"),
        Some("resources/read") => Some("uri"),
        _ => None,
    };
    let name = member.and_then(|member| reference["params"][member].as_str());
    assert_eq!(target.as_ref().map(|target| &*target.name), name);
    assert!(is_invalid_call || member.is_none() || message.id.is_none() || name.is_some());
    assert!(
        !(reference["id"].is_string() || reference["id"].is_number())
            || serde_json::from_str(id).ok() == Some(reference["id"].clone())
    );
}

/// Counts the parts of a JSON text.
///
/// # Panics
///
/// A text that is nested too deeply is accepted, or the bounds are smaller than what the parsed value takes.
pub fn json_bounds(input: &[u8]) {
    let bounds = json_memory(input);
    let Ok(value) = serde_json::from_slice::<Value>(input) else { return };
    let Some((as_value, in_rmcp)) = bounds else {
        assert!(depth(&value) > 100);
        return;
    };
    assert!(depth(&value) <= 100);
    assert!(minimum_size(&value) <= as_value, "{} bytes are more than {as_value}", minimum_size(&value));
    assert!(as_value <= in_rmcp);
}

/// Returns the upper bounds of the memory that a JSON text takes as a value and in rmcp, in bytes. `None` if it is nested
/// too deeply.
pub fn json_memory(input: &[u8]) -> Option<(usize, usize)> {
    let shape = JsonShape::scan(input).ok()?;
    Some((shape.value_size(), shape.rmcp_size()))
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(values) => 1 + values.iter().map(depth).max().unwrap_or_default(),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}

/// Memory that a value takes at least, in bytes: its texts, its vectors, and the keys and values of its maps.
fn minimum_size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.capacity(),
        Value::Array(values) => {
            values.capacity() * size_of::<Value>() + values.iter().map(minimum_size).sum::<usize>()
        }
        Value::Object(members) => {
            let member = size_of::<String>() + size_of::<Value>();
            members.iter().map(|(key, value)| member + key.capacity() + minimum_size(value)).sum()
        }
        _ => 0,
    }
}
