//! Memory of JSON values: an upper bound of what a [`Value`] allocates, and a bound on what is parsed into one.
//!
//! A value can allocate a hundred times its text: `{"":0}` is an object with one entry, whose map allocates a node for
//! eleven. The bounds are derived from the size of a [`Value`] and from how its containers grow, and are compared with an
//! allocator by `tests/tests/json_memory.rs`.

use std::{collections::BTreeMap, fmt, mem::size_of};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Bytes that an allocator adds to an allocation, for its header and for rounding.
pub(crate) const ALLOCATION: usize = 16;

/// Bytes of a string or key, in addition to its text.
pub(crate) const STRING: usize = ALLOCATION;

/// Bytes of an array that is not empty, in addition to [`ELEMENT`] for each element. A vector allocates 4 elements first.
pub(crate) const ARRAY: usize = 4 * size_of::<Value>() + ALLOCATION;

/// Bytes of an element of an array. A vector doubles its capacity.
pub(crate) const ELEMENT: usize = 2 * size_of::<Value>();

/// Bytes of an object that is not empty and has at most [`NODE_ENTRIES`] entries, without its keys and values.
pub(crate) const OBJECT: usize = NODE + ALLOCATION;

/// Bytes of each entry of an object that has more than [`NODE_ENTRIES`], without its key and value.
pub(crate) const ENTRY: usize = if IS_SORTED {
    // A node that is not the root has at least 5 entries.
    (NODE + NODE_EDGES + ALLOCATION).div_ceil(5)
} else {
    // A vector and a table of indices, each of which doubles its capacity.
    2 * size_of::<(usize, String, Value)>() + 4 * INDEX
};

/// Whether the entries of an object are in a B-tree. With the feature `preserve_order` of `serde_json`, which any
/// dependency may enable, they are in a vector with a table of indices.
const IS_SORTED: bool = size_of::<Map<String, Value>>() == size_of::<BTreeMap<String, Value>>();

/// Maximum number of entries of a node of a B-tree (`std::collections::btree_map`).
pub(crate) const NODE_ENTRIES: usize = 11;

/// Bytes of a leaf of a B-tree, or of the first vector and table: entries, and a pointer and two lengths.
const NODE: usize = if IS_SORTED {
    NODE_ENTRIES * (size_of::<String>() + size_of::<Value>()) + 2 * size_of::<usize>()
} else {
    NODE_ENTRIES * (2 * size_of::<(usize, String, Value)>() + 4 * INDEX) + 2 * ALLOCATION
};

/// Bytes that an inner node of a B-tree has in addition to a leaf.
const NODE_EDGES: usize = (NODE_ENTRIES + 1) * size_of::<usize>();

/// Bytes of an entry of the table of indices, with its control byte.
const INDEX: usize = size_of::<usize>() + 1;

const _: () = assert!(ARRAY + ELEMENT >= ALLOCATION + 4 * size_of::<Value>(), "an array of one element");

/// Returns an upper bound of the bytes that a value has allocated, without the value itself.
pub(crate) fn of_value(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => of_string(text),
        Value::Array(values) if values.capacity() == 0 => 0,
        Value::Array(values) => {
            ALLOCATION + values.capacity() * size_of::<Value>() + values.iter().map(of_value).sum::<usize>()
        }
        Value::Object(object) => of_object(object),
    }
}

/// Returns an upper bound of the bytes that an object has allocated, without the object itself.
pub(crate) fn of_object(object: &Map<String, Value>) -> usize {
    if object.is_empty() {
        return 0;
    }
    let further_entries = if object.len() > NODE_ENTRIES { object.len() - 1 } else { 0 };
    let contents: usize = object.iter().map(|(key, value)| of_string(key) + of_value(value)).sum();
    OBJECT + further_entries * ENTRY + contents
}

fn of_string(text: &String) -> usize {
    if text.capacity() == 0 { 0 } else { STRING + text.capacity() }
}

/// Returns whether JSON text has more than `max` values, including those inside of others. Allocates nothing for each
/// value. Text that is not JSON is counted up to its first error.
pub(crate) fn has_more_values_than(json: &[u8], max: usize) -> bool {
    // Two values are at least a byte and a separator apart.
    if json.len() / 2 < max {
        return false;
    }
    let mut remaining = max;
    let counted = CountValues(&mut remaining).deserialize(&mut serde_json::Deserializer::from_slice(json));
    counted.is_err_and(|error| error.is_data())
}

/// Counts values down. The result is an error of the category `Data` only if there are more.
struct CountValues<'a>(&'a mut usize);

impl CountValues<'_> {
    fn count<E: Error>(self) -> Result<(), E> {
        *self.0 = self.0.checked_sub(1).ok_or_else(|| E::custom("too many values"))?;
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for CountValues<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for CountValues<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.count()
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        self.count()
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        self.count()
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        self.count()
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        self.count()
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        self.count()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let remaining = self.0;
        CountValues(&mut *remaining).count()?;
        while elements.next_element_seed(CountValues(&mut *remaining))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let remaining = self.0;
        CountValues(&mut *remaining).count()?;
        while members.next_key::<serde::de::IgnoredAny>()?.is_some() {
            members.next_value_seed(CountValues(&mut *remaining))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn count(value: &Value) -> usize {
        1 + match value {
            Value::Array(values) => values.iter().map(count).sum(),
            Value::Object(object) => object.values().map(count).sum(),
            _ => 0,
        }
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,4}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
                prop::collection::btree_map(".{0,2}", inner, 0..8)
                    .prop_map(|object| Value::Object(object.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn values_are_counted_exactly(value in values()) {
            let (json, count) = (value.to_string(), count(&value));
            prop_assert!(!has_more_values_than(json.as_bytes(), count));
            prop_assert!(has_more_values_than(json.as_bytes(), count - 1));
        }
    }

    #[test]
    fn text_that_is_not_json_is_counted_up_to_its_error() {
        assert!(has_more_values_than(b"[0,0,0,x", 3));
        for json in ["[0,x,0,0,0,0", "", "[", "nonsense, nonsense"] {
            assert!(!has_more_values_than(json.as_bytes(), 3), "{json}");
        }
    }

    #[test]
    fn the_bounds_of_parsed_text_are_not_below_those_of_values() {
        let parsed = |value: &Value| -> usize {
            match value {
                Value::Array(values) => ARRAY + values.len() * ELEMENT,
                Value::Object(object) => OBJECT + object.keys().map(|key| ENTRY + STRING + key.len()).sum::<usize>(),
                _ => 0,
            }
        };
        for entries in 1..1000 {
            let array: Value = serde_json::from_str(&format!("[{}]", vec!["0"; entries].join(","))).unwrap();
            let object: Value = (0..entries).map(|entry| (entry.to_string(), Value::from(0))).collect();
            for value in [array, object] {
                assert!(
                    parsed(&value) >= of_value(&value),
                    "{entries} entries: {} < {}",
                    parsed(&value),
                    of_value(&value)
                );
            }
        }
    }
}
