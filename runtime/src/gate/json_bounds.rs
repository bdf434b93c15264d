//! Bounds on the JSON of a request body, from one pass over its bytes that allocates nothing.
//!
//! A parsed value can take a hundred times its text: `{"":0}` has 7 bytes with its comma and takes 673. The pass counts
//! what takes memory and computes an upper bound before any parser allocates. What rmcp takes was measured with rmcp
//! 3.11; `tests/tests/body_memory.rs` and `fuzz/` compare the bounds with an allocator.

use memchr::memchr2;
use thiserror::Error;

use crate::json_memory::{ARRAY, ELEMENT, ENTRY, NODE_ENTRIES, OBJECT};

/// Maximum nesting depth of a body. `serde_json` and rmcp accept 127 levels.
const MAX_DEPTH: usize = 100;
/// A body up to this size is not scanned, in bytes. Parsed, it takes less than 1 MiB, and `serde_json` limits its
/// nesting.
pub(super) const SMALL_BODY: usize = 2048;
/// Memory that a parsed body may take for each byte of its text.
const MAX_GROWTH: usize = 16;

/// Number of vectors in which rmcp holds the elements of an array at the same time.
const RMCP_BUFFERS: usize = 4;
/// Memory that rmcp takes for each place in the vectors in which it buffers the members of an object, in bytes.
const RMCP_MEMBER: usize = 224;
/// Minimum capacity of a vector that is not empty.
const MIN_CAPACITY: usize = 4;

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

/// What a JSON text consists of, as far as its parts take memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct JsonShape {
    bytes: usize,
    arrays: usize,
    /// Elements of all arrays; an empty array counts as one.
    elements: usize,
    /// Objects that are not empty.
    objects: usize,
    /// Members after the first of objects whose map has more than one node.
    further_members: usize,
    /// Capacity of the vectors in which rmcp buffers the members of all objects.
    capacity: usize,
}

/// An array or object that has not ended.
#[derive(Clone, Copy, Debug, Default)]
struct Container {
    is_object: bool,
    /// Members of an object, or elements of an array after the first.
    count: usize,
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
        let mut open = [Container::default(); MAX_DEPTH];
        let mut depth = 0_usize;
        let mut at = 0;
        while let Some(&byte) = json.get(at) {
            at += 1;
            match byte {
                b'"' => at = end_of_string(json, at),
                b'{' | b'[' => {
                    let container = open.get_mut(depth).ok_or(JsonBoundsError::TooDeep)?;
                    *container = Container { is_object: byte == b'{', count: 0 };
                    depth += 1;
                }
                b':' | b',' => {
                    let innermost = depth.checked_sub(1).and_then(|innermost| open.get_mut(innermost));
                    if let Some(container) = innermost
                        && container.is_object == (byte == b':')
                    {
                        container.count += 1;
                    }
                }
                b'}' | b']' => {
                    if let Some(innermost) = depth.checked_sub(1) {
                        shape.add(open[innermost]);
                        depth = innermost;
                    }
                }
                _ => {}
            }
        }
        // A parser may have read them before it fails.
        for container in &open[..depth] {
            shape.add(*container);
        }
        Ok(shape)
    }

    fn add(&mut self, Container { is_object, count }: Container) {
        if !is_object {
            self.arrays += 1;
            self.elements += count + 1;
        } else if count > 0 {
            self.objects += 1;
            self.further_members += if count > NODE_ENTRIES { count - 1 } else { 0 };
            self.capacity += count.next_power_of_two().max(MIN_CAPACITY);
        }
    }

    /// Returns an upper bound of the memory that the text takes as a [`serde_json::Value`], in bytes. It includes what
    /// parsing takes temporarily.
    pub(crate) fn value_size(&self) -> usize {
        2 * self.bytes + self.arrays * ARRAY + self.elements * ELEMENT + self.maps_size()
    }

    /// Returns an upper bound of the memory that rmcp takes for the text as a part of a message, in bytes. rmcp buffers
    /// each message several times, because its types are untagged enums.
    pub(crate) fn rmcp_size(&self) -> usize {
        8 * self.bytes
            + RMCP_BUFFERS * (self.arrays * ARRAY + self.elements * ELEMENT)
            + self.maps_size()
            + self.capacity * RMCP_MEMBER
    }

    fn maps_size(&self) -> usize {
        self.objects * OBJECT + self.further_members * ENTRY
    }

    /// Returns this shape without a part of its text.
    pub(crate) fn without(&self, part: &Self) -> Self {
        Self {
            bytes: self.bytes.saturating_sub(part.bytes),
            arrays: self.arrays.saturating_sub(part.arrays),
            elements: self.elements.saturating_sub(part.elements),
            objects: self.objects.saturating_sub(part.objects),
            further_members: self.further_members.saturating_sub(part.further_members),
            capacity: self.capacity.saturating_sub(part.capacity),
        }
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
        assert_eq!((shape.arrays, shape.elements, shape.objects, shape.capacity), (1, 2, 1, 4));
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
        fn a_prefix_counts_no_more_than_the_text(value in any_value(), end in any::<prop::sample::Index>()) {
            let text = value.to_string();
            let prefix = JsonShape::scan(&text.as_bytes()[..end.index(text.len() + 1)]).unwrap();
            prop_assert!(prefix.rmcp_size() <= scan(&text).rmcp_size());
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
                shape.add(Container { is_object: false, count: values.len().saturating_sub(1) });
                for value in values {
                    count(value, shape);
                }
            }
            Value::Object(members) => {
                shape.add(Container { is_object: true, count: members.len() });
                for value in members.values() {
                    count(value, shape);
                }
            }
            _ => {}
        }
    }
}
