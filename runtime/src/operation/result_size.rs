//! Size of a result on the wire.

use std::io::{self, Write};

use rmcp::model::{CallToolResult, ContentBlock};
use serde::Serialize;
use serde_json::Value;

/// Maximum number of JSON bytes for one byte of a string: a control character becomes `\u0000`.
const MAX_ESCAPE_FACTOR: usize = 6;
/// Upper bound of the JSON syntax around one value, in bytes.
const MAX_SYNTAX_BYTES: usize = 64;

/// Returns whether a result is larger than `limit` bytes of JSON. A result that certainly fits is not serialized.
pub(crate) fn result_exceeds(result: &CallToolResult, limit: usize) -> bool {
    !certainly_fits(result, limit) && exceeds(result, limit)
}

/// Returns whether a value is larger than `limit` bytes of JSON.
pub(crate) fn exceeds(value: &impl Serialize, limit: usize) -> bool {
    serde_json::to_writer(RemainingBytes(limit), value).is_err()
}

fn certainly_fits(result: &CallToolResult, limit: usize) -> bool {
    if result.meta.is_some() {
        return false;
    }
    let content = result.content.iter().map(|block| match block {
        ContentBlock::Text(text) if text.meta.is_none() && text.annotations.is_none() => {
            text.text.len().saturating_mul(MAX_ESCAPE_FACTOR).saturating_add(MAX_SYNTAX_BYTES)
        }
        _ => usize::MAX,
    });
    let structured = result.structured_content.iter().map(upper_bound);
    content.chain(structured).fold(2 * MAX_SYNTAX_BYTES, usize::saturating_add) <= limit
}

fn upper_bound(value: &Value) -> usize {
    let inside = match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len().saturating_mul(MAX_ESCAPE_FACTOR),
        Value::Array(values) => values.iter().map(upper_bound).fold(0, usize::saturating_add),
        Value::Object(members) => members
            .iter()
            .map(|(key, value)| upper_bound(value).saturating_add(key.len().saturating_mul(MAX_ESCAPE_FACTOR)))
            .fold(0, usize::saturating_add),
    };
    inside.saturating_add(MAX_SYNTAX_BYTES)
}

/// Writer that fails after this many bytes.
struct RemainingBytes(usize);

impl Write for RemainingBytes {
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

    fn serialized_size(result: &CallToolResult) -> usize {
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
            let size = serialized_size(&result);
            assert!(!result_exceeds(&result, size));
            assert!(result_exceeds(&result, size - 1));
        }
    }

    proptest! {
        #[test]
        fn a_result_that_certainly_fits_is_within_the_limit(texts in prop::collection::vec(any::<String>(), 0..4), key: String, number: f64) {
            let mut result = CallToolResult::structured(json!({ key: [texts.clone(), number, {}] }));
            result.content = texts.into_iter().map(ContentBlock::text).collect();
            let size = serialized_size(&result);
            prop_assert!(!certainly_fits(&result, size - 1));
            prop_assert!(certainly_fits(&result, size * MAX_ESCAPE_FACTOR + 64 * MAX_SYNTAX_BYTES));
        }
    }
}
