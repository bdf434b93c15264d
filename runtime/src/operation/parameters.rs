//! Parameters that are deserialized one by one, without a generated struct.
//!
//! Generic functions compile faster than derives, and the compiler reports an unsuitable type once. The schema equals the
//! one that the derives would generate; a test compares the two.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{
    de::{self, DeserializeOwned, Deserializer, Visitor, value::Error as ProbeError},
    forward_to_deserialize_any,
};
use serde_json::{Map, Value, json};

use super::{InputSchema, ParameterCheck, Violation, deserialize};

/// Builder of an input schema.
#[doc(hidden)]
pub struct ParameterSchemas<'a> {
    generator: &'a mut SchemaGenerator,
    properties: Map<String, Value>,
    required: Vec<Value>,
    checks: Vec<ParameterCheck>,
}

impl<'a> ParameterSchemas<'a> {
    pub fn new(generator: &'a mut SchemaGenerator) -> Self {
        Self { generator, properties: Map::new(), required: Vec::new(), checks: Vec::new() }
    }

    /// Adds a parameter. An empty `description` is omitted.
    pub fn add<T: DeserializeOwned + JsonSchema>(mut self, name: &str, description: &str) -> Self {
        let mut schema = self.generator.subschema_for::<T>();
        if !description.is_empty() {
            schema.insert("description".to_owned(), description.into());
        }
        self.properties.insert(name.to_owned(), schema.to_value());
        if absent::<T>().is_none() {
            self.required.push(name.into());
        }
        let check = |name: &str, value| deserialize::argument::<T>(name, value).map(drop);
        self.checks.push(ParameterCheck { name: name.to_owned(), check });
        self
    }

    /// Declares that clients mirror a parameter into a header (SEP-2243).
    pub fn header(mut self, name: &str, header: &str) -> Self {
        if let Some(Value::Object(schema)) = self.properties.get_mut(name) {
            schema.insert("x-mcp-header".to_owned(), header.into());
        }
        self
    }

    pub fn finish(self) -> InputSchema {
        let mut schema = Schema::default();
        schema.insert("type".to_owned(), "object".into());
        schema.insert("properties".to_owned(), self.properties.into());
        schema.insert("additionalProperties".to_owned(), json!(false));
        if !self.required.is_empty() {
            schema.insert("required".to_owned(), self.required.into());
        }
        let definitions = self.generator.take_definitions(true);
        if !definitions.is_empty() {
            schema.insert("$defs".to_owned(), definitions.into());
        }
        if let Some(dialect) = &self.generator.settings().meta_schema {
            schema.insert("$schema".to_owned(), dialect.as_ref().into());
        }
        InputSchema { schema, parameters: self.checks }
    }
}

/// Removes one argument and deserializes it.
///
/// # Errors
///
/// The argument is missing, or its type rejects the value.
pub(crate) fn take<T: DeserializeOwned + JsonSchema>(
    arguments: &mut Map<String, Value>,
    name: &str,
) -> Result<T, Violation> {
    match arguments.remove(name) {
        Some(value) => deserialize::argument(name, value),
        None => absent::<T>()
            .ok_or_else(|| Violation { pointer: format!("/{name}"), message: "the argument is required".to_owned() }),
    }
}

/// Returns the value of an argument that is absent: `None` for an `Option`; no value for other types.
fn absent<T: DeserializeOwned + JsonSchema>() -> Option<T> {
    T::deserialize(Absent).ok()
}

/// Deserializer of an absent value, which behaves as serde's derive does for a missing field.
struct Absent;

impl<'de> Deserializer<'de> for Absent {
    type Error = ProbeError;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, ProbeError> {
        Err(de::Error::custom("missing"))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ProbeError> {
        visitor.visit_none()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl fmt::Debug for ParameterSchemas<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParameterSchemas").field("properties", &self.properties).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use schemars::JsonSchema;
    use serde::Deserialize;

    use super::*;
    use crate::operation::ArgumentSchema;

    /// Shelf in a store.
    #[derive(Deserialize, JsonSchema)]
    #[allow(dead_code, reason = "only the schema is used")]
    enum Shelf {
        /// Reachable without a ladder.
        Low,
        /// Reachable with a ladder.
        High { ladder: bool },
    }

    #[test]
    fn the_schema_equals_the_derived_one() {
        #[derive(Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        #[allow(dead_code, reason = "only the schema is used")]
        struct Derived {
            /// The name.
            name: String,
            shelf: Shelf,
            /// Another shelf.
            other: Option<Shelf>,
            counts: BTreeMap<String, Vec<u8>>,
            limit: Option<u32>,
            anything: Value,
        }
        let derived = ArgumentSchema::generator().root_schema_for::<Derived>();
        let mut generator = ArgumentSchema::generator();
        let direct = ParameterSchemas::new(&mut generator)
            .add::<String>("name", "The name.")
            .add::<Shelf>("shelf", "")
            .add::<Option<Shelf>>("other", "Another shelf.")
            .add::<BTreeMap<String, Vec<u8>>>("counts", "")
            .add::<Option<u32>>("limit", "")
            .add::<Value>("anything", "")
            .finish();
        let mut derived = derived.to_value();
        derived.as_object_mut().unwrap().remove("title");
        assert_eq!(direct.schema.to_value(), derived);
    }

    #[test]
    fn only_an_option_may_be_absent() {
        let mut none = Map::new();
        assert!(matches!(take::<Option<u8>>(&mut none, "a"), Ok(None)));
        assert!(take::<u8>(&mut none, "a").is_err());
        assert!(take::<()>(&mut none, "a").is_err());
        assert!(take::<Value>(&mut none, "a").is_err());
    }
}
