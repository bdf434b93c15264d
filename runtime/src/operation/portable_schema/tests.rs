use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::*;
use crate::operation::ArgumentSchema;

fn input(schema: Value) -> Value {
    portable(schema.try_into().unwrap(), Direction::Input).to_value()
}

fn output(schema: Value) -> Value {
    portable(schema.try_into().unwrap(), Direction::Output).to_value()
}

fn of<T: JsonSchema>() -> Value {
    portable(ArgumentSchema::generator().root_schema_for::<T>(), Direction::Input).to_value()
}

#[test]
fn formats_of_rust_become_bounds() {
    for (schema, expected) in [
        (of::<u8>(), json!({ "type": "integer", "minimum": 0, "maximum": 255 })),
        (of::<i16>(), json!({ "type": "integer", "minimum": -32768, "maximum": 32767 })),
        (of::<i32>(), json!({ "type": "integer", "minimum": i32::MIN, "maximum": i32::MAX })),
        (of::<u32>(), json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX })),
        (of::<i64>(), json!({ "type": "integer" })),
        (of::<u64>(), json!({ "type": "integer", "minimum": 0 })),
        (of::<usize>(), json!({ "type": "integer", "minimum": 0 })),
        (of::<i128>(), json!({ "type": "integer" })),
        (of::<f32>(), json!({ "type": "number" })),
        (of::<f64>(), json!({ "type": "number" })),
        (of::<std::num::NonZeroU16>(), json!({ "type": "integer", "minimum": 1, "maximum": 65535 })),
        (of::<std::net::IpAddr>(), json!({ "type": "string" })),
        (of::<std::net::Ipv4Addr>(), json!({ "type": "string", "format": "ipv4" })),
    ] {
        assert_eq!(schema, expected);
    }
}

#[test]
fn a_bound_of_the_author_is_kept_unless_it_exceeds_the_type() {
    let schema = |minimum: i64, maximum: i64| {
        input(json!({ "type": "integer", "format": "uint8", "minimum": minimum, "maximum": maximum }))
    };
    assert_eq!(schema(1, 50), json!({ "type": "integer", "minimum": 1, "maximum": 50 }));
    assert_eq!(schema(-5, 1000), json!({ "type": "integer", "minimum": 0, "maximum": 255 }));
}

#[test]
fn an_optional_property_has_the_schema_of_its_type() {
    let optional = |schema: Value| {
        let mut schema = input(json!({ "type": "object", "properties": { "a": schema } }));
        schema["properties"]["a"].take()
    };
    for (schema, expected) in [
        (json!({ "type": ["integer", "null"], "default": null }), json!({ "type": "integer" })),
        (json!({ "type": ["string", "null"], "enum": ["a", null] }), json!({ "type": "string", "enum": ["a"] })),
        (
            json!({ "type": ["string", "integer", "null"], "minLength": 1 }),
            json!({ "anyOf": [{ "type": "string", "minLength": 1 }, { "type": "integer" }] }),
        ),
        (
            json!({ "description": "Ours.", "anyOf": [
                { "description": "Theirs.", "type": "boolean" }, { "type": "null" }] }),
            json!({ "description": "Ours.", "type": "boolean" }),
        ),
        (
            json!({ "anyOf": [{ "type": "string" }, { "type": "boolean" }, { "type": "null" }] }),
            json!({ "anyOf": [{ "type": "string" }, { "type": "boolean" }] }),
        ),
        (json!({ "type": "null" }), json!({ "type": "null" })),
        (json!({ "anyOf": [{ "type": "null" }] }), json!({ "anyOf": [{ "type": "null" }] })),
        // An author's own `null`.
        (
            json!({ "oneOf": [{ "type": "string" }, { "type": "null" }] }),
            json!({ "anyOf": [{ "type": "string" }, { "type": "null" }] }),
        ),
        // An item can be `null`.
        (
            json!({ "type": "array", "items": { "type": ["integer", "null"] } }),
            json!({ "type": "array", "items": { "anyOf": [{ "type": "integer" }, { "type": "null" }] } }),
        ),
    ] {
        assert_eq!(optional(schema.clone()), expected, "{schema}");
    }
    let nullable = json!({ "anyOf": [{ "type": "integer" }, { "type": "null" }] });
    let required = json!({ "properties": { "a": { "type": ["integer", "null"] } }, "required": ["a"] });
    assert_eq!(input(required)["properties"]["a"], nullable);
    let result = json!({ "properties": { "a": { "type": ["integer", "null"] } } });
    assert_eq!(output(result)["properties"]["a"], nullable, "a result can have `null`");
}

#[test]
fn a_list_of_types_becomes_alternatives_with_their_own_keywords() {
    let schema = json!({
        "description": "Anything.",
        "type": ["string", "number", "array", "object", "null", "boolean"],
        "maxLength": 3, "minimum": 1, "items": { "type": "string" }, "required": ["a"], "default": 7,
    });
    assert_eq!(
        output(schema),
        json!({ "description": "Anything.", "default": 7, "anyOf": [
            { "type": "string", "maxLength": 3 },
            { "type": "number", "minimum": 1 },
            { "type": "array", "items": { "type": "string" } },
            { "type": "object", "required": ["a"] },
            { "type": "null" },
            { "type": "boolean" },
        ] })
    );
    let schema = output(json!({ "type": ["string", "integer", "null"], "enum": ["a", 1, null, "b"] }));
    let alternatives = json!([
        { "type": "string", "enum": ["a", "b"] }, { "type": "integer", "enum": [1] }, { "type": "null" }
    ]);
    assert_eq!(schema, json!({ "anyOf": alternatives }));
}

/// How urgent it is.
#[derive(Deserialize, JsonSchema)]
#[allow(dead_code, reason = "only the schema is used")]
enum Urgency {
    /// A person
    /// is waiting.
    Now,
    Later,
    /// It can wait.
    Never,
}

#[test]
fn the_documentation_of_variants_is_in_the_description_of_the_enum() {
    #[derive(Deserialize, JsonSchema)]
    #[allow(dead_code, reason = "only the schema is used")]
    struct Fields {
        plain: Urgency,
        /// Urgency of the other ticket.
        other: Option<Urgency>,
        list: Vec<Option<Urgency>>,
    }
    let variants = "- `Now`: A person is waiting.\n- `Never`: It can wait.";
    let urgency = json!({
        "type": "string",
        "enum": ["Later", "Now", "Never"],
        "description": format!("How urgent it is.\n\n{variants}"),
    });
    assert_eq!(of::<Urgency>(), urgency);
    let schema = of::<Fields>();
    assert_eq!(schema.get("$defs"), None);
    assert_eq!(schema["properties"]["plain"], urgency);
    let other = format!("Urgency of the other ticket.\n\n{variants}");
    assert_eq!(
        schema["properties"]["other"],
        json!({ "type": "string", "enum": ["Later", "Now", "Never"], "description": other })
    );
    assert_eq!(schema["properties"]["list"]["items"], json!({ "anyOf": [urgency, { "type": "null" }] }));
}

#[test]
fn a_tagged_enum_has_any_of_because_its_alternatives_exclude_each_other() {
    #[derive(Deserialize, JsonSchema)]
    #[serde(tag = "kind")]
    #[allow(dead_code, reason = "only the schema is used")]
    enum Internal {
        Room { number: u16 },
        Mail { address: String },
        Nowhere,
    }
    #[derive(Deserialize, JsonSchema)]
    #[allow(dead_code, reason = "only the schema is used")]
    enum External {
        Room { number: u16 },
        Mail(String),
        Nowhere,
    }
    for (schema, alternatives) in [(of::<Internal>(), 3), (of::<External>(), 3)] {
        assert_eq!(schema["anyOf"].as_array().map(Vec::len), Some(alternatives), "{schema}");
        assert_eq!(schema.get("oneOf"), None);
    }
    assert_eq!(of::<Internal>()["anyOf"][0]["properties"]["kind"], json!({ "type": "string", "enum": ["Room"] }));
}

#[test]
fn alternatives_that_can_both_hold_stay_exclusive() {
    for schemas in [
        json!([{ "type": "integer" }, { "type": "number" }]),
        json!([{ "minimum": 1 }, { "maximum": 2 }]),
        json!([{ "required": ["a"] }, { "required": ["b"] }]),
        json!([
            { "type": "object", "properties": { "a": { "type": "string" } } },
            { "type": "object", "properties": { "a": { "type": "integer" } } },
        ]),
        json!([true, { "type": "string" }]),
    ] {
        assert!(input(json!({ "oneOf": schemas })).get("oneOf").is_some(), "{schemas}");
    }
}

#[test]
fn definitions_are_inlined_except_recursive_ones() {
    let schema = input(json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Arguments",
        "type": "object",
        "properties": {
            "a": { "$ref": "#/$defs/Leaf", "description": "Ours." },
            "b": { "$ref": "#/$defs/Alias" },
            "c": { "$ref": "#/$defs/Tree" },
            "d": { "$ref": "#/$defs/Leaf", "properties": { "e": {} } },
        },
        "$defs": {
            "Alias": { "$ref": "#/$defs/Leaf" },
            "Leaf": { "type": "object", "description": "Theirs.", "additionalProperties": false },
            "Tree": { "type": "object", "properties": {
                "leaf": { "$ref": "#/$defs/Alias" }, "children": { "items": { "$ref": "#/$defs/Tree" } } } },
        },
    }));
    let leaf = json!({ "type": "object", "description": "Theirs.", "additionalProperties": false });
    assert_eq!(
        schema,
        json!({
            "type": "object",
            "properties": {
                "a": { "type": "object", "description": "Ours.", "additionalProperties": false },
                "b": leaf,
                "c": { "$ref": "#/$defs/Tree" },
                // The two objects together would accept `e`.
                "d": { "$ref": "#/$defs/Leaf", "properties": { "e": {} } },
            },
            "$defs": {
                "Leaf": leaf,
                "Tree": { "type": "object", "properties": {
                    "leaf": leaf, "children": { "items": { "$ref": "#/$defs/Tree" } } } },
            },
        })
    );
}

#[test]
fn inlining_does_not_grow_a_schema_without_bound() {
    let mut definitions = Map::new();
    for i in 0..40 {
        let next = json!({ "$ref": format!("#/$defs/d{}", i + 1) });
        definitions.insert(format!("d{i}"), json!({ "type": "object", "properties": { "a": next, "b": next } }));
    }
    definitions.insert("d40".to_owned(), json!({ "type": "string" }));
    let schema = input(json!({ "properties": { "x": { "$ref": "#/$defs/d0" } }, "$defs": definitions }));
    assert!(schema.to_string().len() < 200_000);
    assert!(jsonschema::is_valid(&schema, &json!({ "x": { "a": { "b": {} } } })));
    assert!(!jsonschema::is_valid(&schema, &json!({ "x": { "a": { "b": 1 } } })));
}

#[test]
fn boolean_schemas_become_objects_where_clients_expect_one() {
    let schema = json!({
        "properties": { "a": true, "b": false, "c": { "items": true } },
        "additionalProperties": false,
    });
    assert_eq!(
        input(schema),
        json!({
            "properties": { "a": {}, "b": { "not": {} }, "c": { "items": {} } },
            "additionalProperties": false,
        })
    );
}

/// The schema accepts the same values before and after, except for `null` in optional properties.
#[test]
fn a_portable_schema_accepts_the_same_values() {
    #[derive(Deserialize, JsonSchema)]
    #[serde(untagged)]
    #[allow(dead_code, reason = "only the schema is used")]
    enum Any {
        Number(u8),
        Urgency(Urgency),
        Map(BTreeMap<String, Option<i8>>),
    }
    let original = ArgumentSchema::generator().root_schema_for::<Vec<Any>>().to_value();
    let portable = output(original.clone());
    for item in [
        json!(7),
        json!(-1),
        json!(256),
        json!(1.5),
        json!("Now"),
        json!("now"),
        json!({ "a": 1, "b": null }),
        json!({ "a": 200 }),
        json!(null),
        json!([]),
        json!(true),
    ] {
        let value = json!([item]);
        assert_eq!(jsonschema::is_valid(&original, &value), jsonschema::is_valid(&portable, &value), "{item}");
    }
}

#[test]
fn the_root_of_an_input_schema_has_no_alternatives() {
    #[derive(Deserialize, JsonSchema)]
    #[serde(tag = "kind")]
    #[allow(dead_code, reason = "only the schema is used")]
    enum Place {
        Room { number: u16, floor: u8 },
        Mail { number: String },
    }
    #[derive(Deserialize, JsonSchema)]
    #[allow(dead_code, reason = "only the schema is used")]
    struct Arguments {
        name: String,
        #[serde(flatten)]
        place: Place,
    }
    let schema = of::<Arguments>();
    let root = without_alternatives(schema.as_object().unwrap()).unwrap();
    assert_eq!(
        Value::Object(root),
        json!({
            "type": "object",
            "properties": {
                "name": { "type": "string" },
                "kind": { "type": "string", "enum": ["Room", "Mail"] },
                "number": { "anyOf": [
                    { "type": "integer", "minimum": 0, "maximum": 65535 }, { "type": "string" }] },
                "floor": { "type": "integer", "minimum": 0, "maximum": 255 },
            },
            "required": ["kind", "name", "number"],
        })
    );
    assert_eq!(without_alternatives(of::<Urgency>().as_object().unwrap()), None);
}

#[test]
fn a_schema_with_keywords_of_its_author_is_published_as_it_is() {
    let written = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": { "address": { "$ref": "#/$defs/address" }, "if": { "type": "integer", "format": "uint8" } },
        "$defs": { "address": { "$anchor": "address", "type": ["object", "null"] } },
        "allOf": [{ "required": ["address"] }],
    });
    assert_eq!(input(written.clone()), written);
    assert_eq!(without_alternatives(written.as_object().unwrap()), None);
    // Names of properties and members of values are not keywords.
    let generated = json!({
        "type": "object",
        "properties": { "if": { "type": "integer", "format": "uint8" }, "kind": { "enum": [{ "$id": 1 }] } },
    });
    assert_ne!(input(generated.clone()), generated);
}
