//! Bounds on the JSON of a request body, from one pass over its bytes that allocates nothing.
//!
//! A parsed value can take a hundred times its text: `{"":0}` has 7 bytes with its comma and takes 673. The pass counts
//! what takes memory and estimates an upper bound before any parser allocates. The sizes per part were measured with
//! `serde_json` 1.0 and rmcp 3.11 on 64-bit targets; `tests/tests/body_memory.rs` compares them with the allocator.

use memchr::memchr2;
use thiserror::Error;

/// Maximum nesting depth of a body. `serde_json` and rmcp accept 127 levels.
const MAX_DEPTH: usize = 100;
/// A body up to this size is not scanned, in bytes. It takes at most 600 KiB parsed, and `serde_json` limits its nesting.
pub(super) const SMALL_BODY: usize = 2048;
/// Memory that a parsed body may take for each byte of its text.
const MAX_GROWTH: usize = 16;

/// A body has more JSON values or nesting than this server accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum JsonBoundsError {
    #[error("the body is nested more than {MAX_DEPTH} levels deep")]
    TooDeep,
    #[error(
        "the body has too many JSON values for its size: parsed, it would take up to {size} bytes of memory, and \
         {allowed} are allowed; send fewer values in one request"
    )]
    TooManyValues { size: usize, allowed: usize },
}

/// Number of each part of a JSON text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct JsonShape {
    bytes: usize,
    arrays: usize,
    objects: usize,
    /// Members of objects.
    members: usize,
    /// Elements and members after the first of their array or object.
    commas: usize,
}

impl JsonShape {
    /// Counts the parts of a JSON text. If the text is not JSON, a parser fails at or before the position from which the
    /// counts are wrong.
    ///
    /// # Errors
    ///
    /// The text is nested too deeply.
    pub(crate) fn scan(json: &[u8]) -> Result<Self, JsonBoundsError> {
        let mut shape = Self { bytes: json.len(), ..Self::default() };
        let mut depth = 0_usize;
        let mut at = 0;
        while let Some(&byte) = json.get(at) {
            at += 1;
            match byte {
                b'"' => at = end_of_string(json, at),
                b',' => shape.commas += 1,
                b':' => shape.members += 1,
                b'{' | b'[' => {
                    depth += 1;
                    if depth > MAX_DEPTH {
                        return Err(JsonBoundsError::TooDeep);
                    }
                    if byte == b'{' { shape.objects += 1 } else { shape.arrays += 1 }
                }
                b'}' | b']' => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        Ok(shape)
    }

    /// Returns an upper bound of the memory that the text takes as a [`serde_json::Value`], in bytes. It includes what
    /// parsing takes temporarily.
    pub(crate) fn value_size(&self) -> usize {
        self.size(3, 64)
    }

    /// Returns an upper bound of the memory that rmcp takes for the text as a part of a message, in bytes. rmcp buffers
    /// each message several times, because its types are untagged enums.
    pub(crate) fn rmcp_size(&self) -> usize {
        self.size(8, 256)
    }

    /// Returns this shape without a part of its text.
    pub(crate) fn without(&self, part: &Self) -> Self {
        Self {
            bytes: self.bytes.saturating_sub(part.bytes),
            arrays: self.arrays.saturating_sub(part.arrays),
            objects: self.objects.saturating_sub(part.objects),
            members: self.members.saturating_sub(part.members),
            commas: self.commas.saturating_sub(part.commas),
        }
    }

    fn size(&self, per_byte: usize, per_value: usize) -> usize {
        let values = self.arrays + self.objects + self.commas + 1;
        self.bytes * per_byte
            + values * per_value
            + self.arrays * 128
            + self.objects * 640
            + self.members * (per_value + 128)
    }

    /// Returns `size`, if the text may take that much memory: [`MAX_GROWTH`] times its length, or `minimum`.
    ///
    /// # Errors
    ///
    /// The size is larger than that.
    pub(crate) fn check(&self, size: usize, minimum: usize) -> Result<usize, JsonBoundsError> {
        let allowed = self.bytes.saturating_mul(MAX_GROWTH).max(minimum);
        if size > allowed { Err(JsonBoundsError::TooManyValues { size, allowed }) } else { Ok(size) }
    }
}

/// Returns the position after the quote that ends the string whose content starts at `at`.
fn end_of_string(json: &[u8], mut at: usize) -> usize {
    while let Some(found) = json.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += found;
        if json[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    json.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn scan(json: &str) -> JsonShape {
        JsonShape::scan(json.as_bytes()).unwrap()
    }

    #[test]
    fn structure_inside_of_strings_is_not_counted() {
        let shape = scan(r#"{"a,[{\"\\":["x",{}], "b:":"\\"}"#);
        assert_eq!((shape.objects, shape.arrays, shape.members, shape.commas), (2, 1, 2, 2));
    }

    #[test]
    fn nesting_is_limited_for_arrays_and_objects() {
        let nested = |open: &str, close: &str, depth| format!("{}1{}", open.repeat(depth), close.repeat(depth));
        for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
            assert!(JsonShape::scan(nested(open, close, MAX_DEPTH).as_bytes()).is_ok());
            assert_eq!(JsonShape::scan(nested(open, close, MAX_DEPTH + 1).as_bytes()), Err(JsonBoundsError::TooDeep));
        }
        assert!(JsonShape::scan("[]".repeat(1000).as_bytes()).is_ok());
    }

    #[test]
    fn many_small_values_are_rejected_and_large_texts_are_not() {
        let check = |json: &str, minimum| {
            let shape = scan(json);
            shape.check(shape.rmcp_size(), minimum)
        };
        let rows = format!("[{}]", vec![r#"{"":0}"#; 10_000].join(","));
        assert!(matches!(check(&rows, 1 << 20), Err(JsonBoundsError::TooManyValues { .. })));
        assert!(check(&rows, 1 << 30).is_ok());
        assert!(check(&json!({ "text": "x".repeat(4 << 20) }).to_string(), 0).is_ok());
    }

    #[test]
    fn a_small_body_takes_less_than_a_mebibyte() {
        for element in ["{\"\":0},", "{},", "[],", "0,", "[0],", "{\"\":{\"\":0}},"] {
            let body = element.repeat(SMALL_BODY / element.len());
            assert!(scan(&body).rmcp_size() < 1 << 20, "{element}");
        }
    }

    proptest! {
        #[test]
        fn the_parts_of_any_value_are_counted(value in any_value()) {
            let shape = scan(&value.to_string());
            let mut counted = JsonShape { bytes: shape.bytes, ..JsonShape::default() };
            count(&value, &mut counted);
            prop_assert_eq!(shape, counted);
            let pretty = serde_json::to_string_pretty(&value).unwrap();
            counted.bytes = pretty.len();
            prop_assert_eq!(scan(&pretty), counted);
        }

        #[test]
        fn no_input_panics(json in prop::collection::vec(prop::sample::select(br#"{}[],:"\x1"#.to_vec()), 0..200)) {
            let _ = JsonShape::scan(&json).map(|shape| shape.rmcp_size());
        }
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i32>().prop_map(Value::from),
            r#"[\[\]{},:"\\a]{0,6}"#.prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(r#"[,:"\\a]{0,4}"#, inner, 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    fn count(value: &Value, shape: &mut JsonShape) {
        match value {
            Value::Array(values) => {
                shape.arrays += 1;
                shape.commas += values.len().saturating_sub(1);
                for value in values {
                    count(value, shape);
                }
            }
            Value::Object(members) => {
                shape.objects += 1;
                shape.members += members.len();
                shape.commas += members.len().saturating_sub(1);
                for value in members.values() {
                    count(value, shape);
                }
            }
            _ => {}
        }
    }
}
