//! The order in which a struct declares its fields.
//!
//! A JSON Schema has its properties in the order of their names. A form shows its fields in the order in which the author
//! wrote them, which serde passes to a deserializer.

use std::fmt;

use serde::{
    de::{self, DeserializeOwned, Deserializer, Visitor},
    forward_to_deserialize_any,
};

/// Returns the names of the fields of a struct in JSON, in the order of their declaration, with aliases. It is empty for
/// a struct with flattened fields, and for types whose `Deserialize` is not derived.
pub(super) fn declared_fields<T: DeserializeOwned>() -> &'static [&'static str] {
    match T::deserialize(FieldNames) {
        Ok(_) => &[],
        Err(Fields(names)) => names,
    }
}

/// Deserializer that ends with the names of the fields.
struct FieldNames;

/// The "error" by which a deserialization ends.
#[derive(Debug)]
struct Fields(&'static [&'static str]);

impl<'de> Deserializer<'de> for FieldNames {
    type Error = Fields;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Fields> {
        Err(Fields(&[]))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Fields> {
        Err(Fields(fields))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the fields are known")
    }
}

impl std::error::Error for Fields {}

impl de::Error for Fields {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self(&[])
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    #[allow(dead_code, reason = "only the names of the fields are used")]
    struct Order {
        ship_to: String,
        amount: u32,
        #[serde(rename = "at")]
        delivered_at: Option<String>,
    }

    #[test]
    fn the_fields_of_a_struct_are_in_the_order_of_their_declaration() {
        assert_eq!(declared_fields::<Order>(), ["shipTo", "amount", "at"]);
        assert!(declared_fields::<String>().is_empty());
    }
}
