//! Size of a result on the wire.

use std::io::{self, Write};

use rmcp::model::{CallToolResult, ContentBlock, GetPromptResult, ReadResourceResult, ResourceContents};
use serde::Serialize;
use serde_json::Value;

/// Maximum number of JSON bytes for one byte of a string: a control character becomes `\u0000`.
const MAX_ESCAPE_FACTOR: usize = 6;
/// Upper bound of the JSON syntax around one value, in bytes.
const MAX_SYNTAX_BYTES: usize = 64;

/// Returns whether a value is larger than `limit` bytes of JSON.
pub(crate) fn exceeds(value: &(impl Serialize + ?Sized), limit: usize) -> bool {
    serde_json::to_writer(RemainingBytes(limit), value).is_err()
}

/// Result of an operation, with a bound of its size that is cheaper than its serialization.
pub(crate) trait BoundedResult: Serialize {
    /// Upper bound of the size, in bytes of JSON, or `None` if only the serialization can tell.
    fn upper_bound(&self) -> Option<usize>;

    /// Returns whether a result is larger than `limit` bytes of JSON. A result that certainly fits is not serialized.
    fn exceeds(&self, limit: usize) -> bool {
        self.upper_bound().is_none_or(|bound| bound > limit) && exceeds(self, limit)
    }
}

impl BoundedResult for CallToolResult {
    fn upper_bound(&self) -> Option<usize> {
        let content = self.content.iter().map(text_block);
        let structured = self.structured_content.iter().map(|value| Some(upper_bound(value)));
        sum(content.chain(structured)).filter(|_| self.meta.is_none())
    }
}

impl BoundedResult for GetPromptResult {
    fn upper_bound(&self) -> Option<usize> {
        // The content is inside of a message.
        let message = |text: usize| text.saturating_add(MAX_SYNTAX_BYTES);
        let messages = self.messages.iter().map(|prompt| text_block(&prompt.content).map(message));
        let description = self.description.iter().map(|text| Some(string(text)));
        sum(messages.chain(description)).filter(|_| self.meta.is_none())
    }
}

impl BoundedResult for ReadResourceResult {
    fn upper_bound(&self) -> Option<usize> {
        let contents = self.contents.iter().map(|contents| match contents {
            ResourceContents::TextResourceContents { uri, mime_type, text, meta: None }
            | ResourceContents::BlobResourceContents { uri, mime_type, blob: text, meta: None } => {
                let strings = [uri, mime_type.as_deref().unwrap_or_default(), text];
                Some(strings.into_iter().map(string).fold(0, usize::saturating_add))
            }
            _ => None,
        });
        sum(contents).filter(|_| self.meta.is_none())
    }
}

/// Adds the bounds of the parts of a result to that of its own syntax.
fn sum(parts: impl Iterator<Item = Option<usize>>) -> Option<usize> {
    parts.into_iter().try_fold(2 * MAX_SYNTAX_BYTES, |sum, part| Some(sum.saturating_add(part?)))
}

fn text_block(block: &ContentBlock) -> Option<usize> {
    match block {
        ContentBlock::Text(text) if text.meta.is_none() && text.annotations.is_none() => Some(string(&text.text)),
        _ => None,
    }
}

fn string(text: &str) -> usize {
    text.len().saturating_mul(MAX_ESCAPE_FACTOR).saturating_add(MAX_SYNTAX_BYTES)
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
    use rmcp::model::{CacheScope, PromptMessage, Role};
    use serde_json::json;

    use super::*;

    fn serialized_size(result: &impl Serialize) -> usize {
        serde_json::to_vec(result).unwrap().len()
    }

    fn assert_exact(result: &impl BoundedResult) {
        let size = serialized_size(result);
        assert!(!result.exceeds(size));
        assert!(result.exceeds(size - 1));
    }

    #[test]
    fn the_limit_is_exact() {
        let blocks = [
            ContentBlock::text("plain".repeat(100)),
            ContentBlock::text("\u{1}\"\\".repeat(100)),
            ContentBlock::image("aGVsbG8=".repeat(20), "image/png"),
        ];
        for block in blocks {
            assert_exact(&CallToolResult::success(vec![block.clone()]));
            assert_exact(&GetPromptResult::new(vec![PromptMessage::new(Role::User, block)]).with_description("d"));
        }
        assert_exact(&CallToolResult::structured(json!({ "key": ["\n".repeat(50), null, 1.5e300, true] })));
        let uri = "company://policies/handbook";
        assert_exact(&ReadResourceResult::new(vec![
            ResourceContents::text("\u{1}\"\\".repeat(100), uri),
            ResourceContents::blob("aGVsbG8=".repeat(20), uri),
        ]));
    }

    /// Checks that the bound is neither below the size nor far above it.
    fn check_bound(result: &impl BoundedResult) -> Result<(), TestCaseError> {
        let (size, bound) = (serialized_size(result), result.upper_bound().unwrap());
        prop_assert!(bound >= size);
        prop_assert!(bound <= size * MAX_ESCAPE_FACTOR + 64 * MAX_SYNTAX_BYTES);
        Ok(())
    }

    proptest! {
        #[test]
        fn the_bound_of_a_result_is_close_to_its_size(texts in prop::collection::vec(any::<String>(), 0..4), key: String, number: f64) {
            let mut tool = CallToolResult::structured(json!({ key: [texts.clone(), number, {}] }));
            tool.content = texts.iter().cloned().map(ContentBlock::text).collect();
            check_bound(&tool)?;
            let message = |text| PromptMessage::new_text(Role::Assistant, text);
            check_bound(&GetPromptResult::new(texts.iter().cloned().map(message).collect()))?;
            let contents = texts.iter().map(|text| ResourceContents::text(text.clone(), text.clone()));
            let resource = ReadResourceResult::new(contents.collect());
            check_bound(&resource.with_ttl_ms(u64::MAX).with_cache_scope(CacheScope::Private))?;
        }
    }
}
