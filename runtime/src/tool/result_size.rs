//! How large an answer is on the wire.

use std::io::{self, Write};

use rmcp::model::{CallToolResult, ContentBlock};
use serde::Serialize;
use serde_json::Value;

/// What one character takes at most in JSON, for each of its bytes: a control character becomes `\u0000`.
const WORST_ESCAPE: usize = 6;
/// More than the names and brackets around one part of a result take.
const AROUND: usize = 64;

/// Whether a result is larger than this, in bytes of JSON. A small one is not written to find out.
pub(crate) fn result_exceeds(result: &CallToolResult, limit: usize) -> bool {
    !surely_fits(result, limit) && exceeds(result, limit)
}

/// Whether anything is larger than this, in bytes of JSON.
pub(crate) fn exceeds(value: &impl Serialize, limit: usize) -> bool {
    serde_json::to_writer(Room(limit), value).is_err()
}

fn surely_fits(result: &CallToolResult, limit: usize) -> bool {
    if result.meta.is_some() {
        return false;
    }
    let content = result.content.iter().map(|block| match block {
        ContentBlock::Text(text) if text.meta.is_none() && text.annotations.is_none() => {
            text.text.len().saturating_mul(WORST_ESCAPE).saturating_add(AROUND)
        }
        _ => usize::MAX,
    });
    let structured = result.structured_content.iter().map(at_most);
    content.chain(structured).fold(2 * AROUND, usize::saturating_add) <= limit
}

fn at_most(value: &Value) -> usize {
    let inside = match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len().saturating_mul(WORST_ESCAPE),
        Value::Array(values) => values.iter().map(at_most).fold(0, usize::saturating_add),
        Value::Object(members) => members
            .iter()
            .map(|(key, value)| at_most(value).saturating_add(key.len().saturating_mul(WORST_ESCAPE)))
            .fold(0, usize::saturating_add),
    };
    inside.saturating_add(AROUND)
}

/// Takes this many bytes, and no more.
struct Room(usize);

impl Write for Room {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::WriteZero)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn exactly(result: &CallToolResult) -> usize {
        serde_json::to_vec(result).unwrap().len()
    }

    #[test]
    fn the_limit_is_exact() {
        for result in [
            CallToolResult::success(vec![ContentBlock::text("plain".repeat(100))]),
            CallToolResult::success(vec![ContentBlock::text("\u{1}\"\\".repeat(100))]),
            CallToolResult::success(vec![ContentBlock::image("aGVsbG8=".repeat(20), "image/png")]),
            CallToolResult::structured(json!({ "key": ["\n".repeat(50), null, 1.5e300, true] })),
        ] {
            let size = exactly(&result);
            assert!(!result_exceeds(&result, size));
            assert!(result_exceeds(&result, size - 1));
        }
    }

    proptest! {
        #[test]
        fn what_surely_fits_does_fit(texts in prop::collection::vec(any::<String>(), 0..4), key: String, number: f64) {
            let mut result = CallToolResult::structured(json!({ key: [texts.clone(), number, {}] }));
            result.content = texts.into_iter().map(ContentBlock::text).collect();
            let size = exactly(&result);
            prop_assert!(!surely_fits(&result, size - 1));
            prop_assert!(surely_fits(&result, size * WORST_ESCAPE + 64 * AROUND));
        }
    }
}
