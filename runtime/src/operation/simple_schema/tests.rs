use std::collections::{BTreeMap, BTreeSet, HashMap};

use proptest::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::*;
use crate::operation::{ParameterSchemas, arbitrary_schema::schema, arguments::ArgumentSchema, validator::Validator};

fn object(schema: Value) -> Map<String, Value> {
    let Value::Object(schema) = schema else { panic!("an object") };
    schema
}

fn with_property(schema: &Value) -> Map<String, Value> {
    object(json!({ "type": "object", "properties": { "a": schema } }))
}

fn of_parameter<T: serde::de::DeserializeOwned + JsonSchema>() -> Map<String, Value> {
    let input = ParameterSchemas::new(&mut ArgumentSchema::generator()).add::<T>("a", "What it is.").finish();
    Map::clone(ArgumentSchema::new(input).unwrap().schema())
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code, reason = "only the schema is used")]
struct Person {
    /// The name.
    name: String,
    #[serde(default)]
    age: Option<u8>,
    friends: Vec<Person>,
    #[serde(flatten)]
    home: Home,
}

#[derive(Deserialize, JsonSchema)]
#[serde(tag = "kind")]
#[allow(dead_code, reason = "only the schema is used")]
enum Home {
    /// First variant.
    Flat {
        floor: i32,
    },
    House,
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code, reason = "only the schema is used")]
enum Choice {
    /// Doc comment of a variant.
    A,
    B(u64, char),
    C {
        #[schemars(length(min = 1, max = 9))]
        text: String,
        #[schemars(range(min = 0.5))]
        weight: f32,
    },
}

#[test]
fn common_parameter_types_are_simple_and_compile() {
    let schemas = [
        of_parameter::<String>(),
        of_parameter::<i64>(),
        of_parameter::<Option<u32>>(),
        of_parameter::<f64>(),
        of_parameter::<bool>(),
        of_parameter::<char>(),
        of_parameter::<()>(),
        of_parameter::<Value>(),
        of_parameter::<Vec<Option<u8>>>(),
        of_parameter::<(String, i8, [u16; 4])>(),
        of_parameter::<BTreeSet<String>>(),
        of_parameter::<HashMap<String, BTreeMap<String, Vec<f32>>>>(),
        of_parameter::<Choice>(),
        of_parameter::<Option<Choice>>(),
        of_parameter::<Home>(),
        of_parameter::<Person>(),
        of_parameter::<Option<Vec<Person>>>(),
        of_parameter::<Result<Person, Choice>>(),
    ];
    for schema in schemas {
        assert!(is_simple(&schema), "{schema:?}");
        Validator::new(&schema).unwrap();
    }
}

#[test]
fn simple_schemas_compile() {
    let schemas = [
        object(json!({})),
        object(json!({ "$schema": DIALECT, "type": "object" })),
        with_property(&json!(false)),
        with_property(&json!({ "const": null, "default": { "a": [1, {}] }, "examples": [] })),
        with_property(&json!({ "enum": [1, "a", null, 2.5, true] })),
        with_property(&json!({ "enum": ["twice", "twice"] })),
        with_property(&json!({ "format": "no such format" })),
        with_property(&json!({ "minimum": u64::MAX, "maximum": i64::MIN, "exclusiveMinimum": 1e300 })),
        with_property(&json!({ "minLength": u64::MAX, "maxItems": 0 })),
        with_property(&json!({ "type": ["string", "null"], "required": [], "properties": { "": true, "a/~%": {} } })),
        // A cycle of references.
        object(json!({
            "$defs": { "a": { "$ref": "#/$defs/b" }, "b": { "$ref": "#/$defs/a" } },
            "properties": { "a": { "$ref": "#/$defs/a", "description": "In a circle." } },
        })),
    ];
    for schema in schemas {
        assert!(is_simple(&schema), "{schema:?}");
        Validator::new(&schema).unwrap();
    }
}

#[test]
fn the_deepest_simple_schema_compiles_on_a_test_stack() {
    let deep =
        |bottom: Value| (0..MAX_DEPTH - 1).fold(bottom, |schema, _| json!({ "anyOf": [{ "type": "null" }, schema] }));
    let mut definitions = Map::new();
    for i in 0..100 {
        definitions.insert(format!("d{i}"), deep(json!({ "$ref": format!("#/$defs/d{}", (i + 1) % 100) })));
    }
    let schema = object(json!({ "$defs": definitions, "allOf": [deep(json!({ "$ref": "#/$defs/d0" }))] }));
    assert!(is_simple(&schema));
    Validator::new(&schema).unwrap();
    assert!(!is_simple(&object(json!({ "allOf": [deep(json!({ "items": {} }))] }))));
}

#[test]
fn schemas_that_may_be_invalid_are_not_simple() {
    let bad = [
        json!({ "type": 7 }),
        json!({ "type": "text" }),
        json!({ "type": [] }),
        json!({ "type": ["string", "string"] }),
        json!({ "pattern": "(" }),
        json!({ "pattern": "a" }),
        json!({ "patternProperties": { "(": {} } }),
        json!({ "$ref": "#/$defs/nobody" }),
        json!({ "$ref": "#/properties/a" }),
        json!({ "$ref": "https://example.com/schema" }),
        json!({ "$dynamicRef": "#a" }),
        json!({ "$id": "https://example.com/schema" }),
        json!({ "$anchor": "here" }),
        json!({ "$defs": { "x": { "type": "string" } } }),
        json!({ "$schema": "http://json-schema.org/draft-04/schema#" }),
        json!({ "required": "a" }),
        json!({ "required": ["a", "a"] }),
        json!({ "required": [1] }),
        json!({ "properties": [] }),
        json!({ "properties": { "b": 1 } }),
        json!({ "properties": { "$ref": {} } }),
        json!({ "items": [{}] }),
        json!({ "items": null }),
        json!({ "additionalProperties": "no" }),
        json!({ "anyOf": [] }),
        json!({ "anyOf": {} }),
        json!({ "oneOf": [{ "type": "text" }] }),
        json!({ "enum": "a" }),
        json!({ "minimum": "1" }),
        json!({ "minLength": -1 }),
        json!({ "minLength": 1.5 }),
        json!({ "uniqueItems": 1 }),
        json!({ "format": 1 }),
        json!({ "description": 1 }),
        json!({ "examples": 1 }),
        json!({ "default": { "$id": 1 } }),
        json!({ "unevaluatedProperties": false }),
        json!({ "nobody": "knows" }),
        json!(1),
        json!(null),
        json!([]),
    ];
    for schema in bad {
        assert!(!is_simple(&with_property(&schema)), "{schema}");
    }
    assert!(!is_simple(&object(json!({ "$schema": "http://json-schema.org/draft-07/schema#" }))));
    assert!(!is_simple(&object(json!({ "$defs": [] }))));
    assert!(!is_simple(&object(json!({ "$defs": { "a": { "type": 7 } } }))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn schemas_that_do_not_compile_are_never_simple(root in schema(), a in schema(), b in schema()) {
        let mut schema = object(json!({ "type": "object", "$defs": { "a": a, "b": b } }));
        schema.insert("allOf".to_owned(), json!([root, { "$ref": "#/$defs/a" }]));
        if is_simple(&schema) {
            prop_assert!(Validator::new(&schema).is_ok(), "{:?}", schema);
        }
    }
}
