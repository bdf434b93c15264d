use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::*;
use crate::operation::{
    Direction, ParameterSchemas,
    arbitrary_schema::{scalar, schema},
    arguments::ArgumentSchema,
    portable, validator,
};

fn object(schema: Value) -> Map<String, Value> {
    let Value::Object(schema) = schema else { panic!("an object") };
    schema
}

fn of_argument(schema: &Value) -> Map<String, Value> {
    object(json!({ "type": "object", "properties": { "limit": schema } }))
}

fn violations(schema: &Map<String, Value>, value: &Value) -> Vec<String> {
    let validator = Validator::new(schema).unwrap_or_else(|problem| panic!("{schema:?}: {problem}"));
    validator.violations(value).iter().map(ToString::to_string).collect()
}

#[test]
fn a_keyword_that_is_not_enforced_is_rejected_with_its_argument() {
    for (keyword, value) in [
        ("pattern", json!("^emp_")),
        ("format", json!("uuid")),
        ("multipleOf", json!(5)),
        ("uniqueItems", json!(true)),
        ("contains", json!({})),
        ("minContains", json!(1)),
        ("not", json!({})),
        ("if", json!({})),
        ("then", json!({})),
        ("else", json!({})),
        ("patternProperties", json!({})),
        ("propertyNames", json!({})),
        ("minProperties", json!(1)),
        ("maxProperties", json!(1)),
        ("dependentRequired", json!({})),
        ("dependentSchemas", json!({})),
        ("dependencies", json!({})),
        ("unevaluatedProperties", json!(false)),
        ("unevaluatedItems", json!(false)),
        ("$dynamicRef", json!("#a")),
        ("$dynamicAnchor", json!("a")),
        ("$anchor", json!("a")),
        ("$id", json!("https://example.com")),
        ("$ref", json!("#/properties/a")),
        ("$ref", json!("https://example.com/schema")),
        ("$defs", json!({})),
        ("enum", json!([[1]])),
        ("const", json!({})),
        ("nobody", json!(1)),
    ] {
        let keyword_schema = json!({ keyword: value });
        for place in [
            keyword_schema.clone(),
            json!({ "items": keyword_schema }),
            json!({ "prefixItems": [keyword_schema] }),
            json!({ "properties": { "a": keyword_schema } }),
            json!({ "additionalProperties": keyword_schema }),
            json!({ "allOf": [keyword_schema] }),
            json!({ "anyOf": [{ "type": "null" }, keyword_schema] }),
            json!({ "oneOf": [keyword_schema] }),
            json!({ "$ref": "#/$defs/a" }),
        ] {
            let mut schema = of_argument(&place);
            schema.insert("$defs".to_owned(), json!({ "a": { "$ref": "#/$defs/b" }, "b": keyword_schema }));
            let problem = Validator::new(&schema).err().unwrap_or_else(|| panic!("{schema:?}"));
            let expected = OperationProblem::JsonSchemaFeature { argument: "limit".into(), keyword: keyword.into() };
            assert_eq!(problem, expected, "{schema:?}");
        }
    }
    let problem = Validator::new(&object(json!({ "type": "object", "minProperties": 1 }))).err().unwrap();
    assert_eq!(
        problem.to_string(),
        "the schema of its arguments has `minProperties`, which the program does not enforce, because it was built \
         without the feature `json-schema` of toolgate: enable it"
    );
}

#[test]
fn a_schema_that_is_not_valid_is_rejected() {
    for schema in [
        json!({ "type": "text" }),
        json!({ "type": 7 }),
        json!({ "type": [7] }),
        json!({ "required": "a" }),
        json!({ "minimum": "1" }),
        json!({ "minLength": -1 }),
        json!({ "enum": [] }),
        json!({ "enum": 1 }),
        json!({ "anyOf": [] }),
        json!({ "properties": [] }),
        json!({ "properties": { "a": 1 } }),
        json!({ "items": [] }),
        json!({ "$ref": "#/$defs/missing" }),
        json!(1),
    ] {
        let problem = Validator::new(&of_argument(&schema)).err().unwrap_or_else(|| panic!("{schema}"));
        assert!(matches!(problem, OperationProblem::InvalidInputSchema(_)), "{schema}: {problem}");
    }
}

#[test]
fn a_schema_that_refers_to_itself_without_a_step_into_the_value_is_rejected() {
    for definitions in [
        json!({ "a": { "$ref": "#/$defs/a" } }),
        json!({ "a": { "anyOf": [{ "type": "null" }, { "$ref": "#/$defs/b" }] }, "b": { "allOf": [{ "$ref": "#/$defs/a" }] } }),
        json!({ "a": { "properties": { "x": { "$ref": "#/$defs/b" } }, "$ref": "#/$defs/b" }, "b": { "oneOf": [{ "$ref": "#/$defs/a" }] } }),
    ] {
        let schema = object(json!({ "properties": { "x": { "$ref": "#/$defs/a" } }, "$defs": definitions }));
        assert!(matches!(Validator::new(&schema), Err(OperationProblem::InvalidInputSchema(_))), "{schema:?}");
    }
}

#[test]
fn violations_name_the_place_and_what_is_expected() {
    let schema = object(json!({
        "type": "object",
        "properties": {
            "id": { "type": "string", "minLength": 2, "maxLength": 3 },
            "limit": { "type": ["integer", "null"], "minimum": 1, "maximum": 50 },
            "day": { "enum": ["Mon", "Tue"] },
            "list": { "type": "array", "items": { "exclusiveMinimum": 0, "exclusiveMaximum": 1 }, "minItems": 1, "maxItems": 2 },
            "either": { "anyOf": [{ "type": "null" }, { "type": "object", "required": ["a/b"] }] },
            "one": { "oneOf": [{ "type": "integer" }, { "minimum": 0 }] },
            "tree": { "$ref": "#/$defs/tree" },
        },
        "required": ["id"],
        "additionalProperties": false,
        "$defs": { "tree": { "type": "object", "properties": { "a/b": { "$ref": "#/$defs/tree" } } } },
    }));
    for (value, expected) in [
        (json!({}), r#"(arguments): "id" is a required property"#),
        (json!({ "id": "ab", "more": 1 }), r#"(arguments): "more" is not one of the properties"#),
        (json!({ "id": 1 }), r#"/id: the value is not of type "string""#),
        (json!({ "id": "a" }), "/id: the value has less than 2 characters"),
        (json!({ "id": "abcd" }), "/id: the value has more than 3 characters"),
        (json!({ "id": "ab", "limit": true }), r#"/limit: the value is not of type "integer" or "null""#),
        (json!({ "id": "ab", "limit": 0 }), "/limit: the value is less than the minimum of 1"),
        (json!({ "id": "ab", "limit": 51 }), "/limit: the value is greater than the maximum of 50"),
        (json!({ "id": "ab", "day": "Sun" }), r#"/day: the value is not one of ["Mon","Tue"]"#),
        (json!({ "id": "ab", "list": [] }), "/list: the value has less than 1 items"),
        (json!({ "id": "ab", "list": [0.5, 0] }), "/list/1: the value is not greater than 0"),
        (json!({ "id": "ab", "list": [1] }), "/list/0: the value is not less than 1"),
        (json!({ "id": "ab", "either": {} }), r#"/either: "a/b" is a required property"#),
        (
            json!({ "id": "ab", "either": 1 }),
            "/either: the value fits none of the alternatives that are accepted here",
        ),
        (json!({ "id": "ab", "one": 1 }), "/one: the value fits none of the alternatives that are accepted here"),
        (
            json!({ "id": "ab", "tree": { "a/b": { "a/b": 1 } } }),
            r#"/tree/a~1b/a~1b: the value is not of type "object""#,
        ),
    ] {
        assert_eq!(violations(&schema, &value), [expected], "{value}");
    }
}

#[test]
fn the_number_of_violations_is_bounded() {
    let schema = of_argument(&json!({ "items": { "type": "null" } }));
    let value = json!({ "limit": vec![1; 1000] });
    assert_eq!(violations(&schema, &value).len(), MAX_VIOLATIONS);
}

#[test]
fn numbers_are_compared_without_rounding() {
    let schema = of_argument(&json!({ "maximum": 9_007_199_254_740_992_u64 }));
    assert!(violations(&schema, &json!({ "limit": 9_007_199_254_740_992_u64 })).is_empty());
    assert!(!violations(&schema, &json!({ "limit": 9_007_199_254_740_993_u64 })).is_empty());
    let schema = of_argument(&json!({ "maximum": u64::MAX, "minimum": i64::MIN }));
    assert!(violations(&schema, &json!({ "limit": u64::MAX })).is_empty());
    assert!(violations(&schema, &json!({ "limit": i64::MIN })).is_empty());
    assert!(!violations(&schema, &json!({ "limit": 1e300 })).is_empty());
    assert!(!violations(&schema, &json!({ "limit": 18_446_744_073_709_551_616_f64 })).is_empty());
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code, reason = "only the schema is used")]
enum Place {
    Nowhere,
    Room { number: u16, name: Option<String> },
    Pair(i8, String),
}

#[derive(Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[allow(dead_code, reason = "only the schema is used")]
enum Tagged {
    One { place: Place },
    Two { tree: Vec<Tree> },
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code, reason = "only the schema is used")]
struct Tree {
    size: u64,
    children: Vec<Tree>,
}

#[test]
fn schemas_of_ordinary_types_are_enforced() {
    let input = ParameterSchemas::new(&mut ArgumentSchema::generator())
        .add::<String>("text", "A text.")
        .add::<Option<u8>>("byte", "")
        .add::<f32>("float", "")
        .add::<(bool, i64)>("pair", "")
        .add::<[char; 2]>("characters", "")
        .add::<Vec<Place>>("places", "")
        .add::<Tagged>("tagged", "")
        .add::<BTreeMap<String, i32>>("by_name", "")
        .add::<HashMap<String, Option<Tree>>>("trees", "")
        .add::<std::num::NonZeroU32>("positive", "")
        .add::<Value>("any", "")
        .finish();
    let schema = object(portable(input.schema, Direction::Input).to_value());
    let validator = Validator::new(&schema).unwrap_or_else(|problem| panic!("{problem}"));
    let valid = json!({
        "text": "a", "float": 1, "pair": [true, -1], "characters": ["a", "b"],
        "places": ["Nowhere", { "Room": { "number": 1 } }, { "Pair": [1, "a"] }],
        "tagged": { "kind": "two", "tree": [{ "size": 1, "children": [{ "size": 2, "children": [] }] }] },
        "by_name": { "a": 1 }, "trees": { "a": null }, "positive": 1, "any": {},
    });
    assert_eq!(validator.violations(&valid), []);
    let complete = validator::Validator::new(&schema).ok().unwrap();
    assert!(complete.is_valid(&valid));
    // Every part of the value, replaced by another one.
    let others = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1.5),
        json!(300),
        json!("ab"),
        json!([]),
        json!({}),
        json!({ "a": 1 }),
    ];
    let mut rejected = 0;
    for pointer in pointers(&valid) {
        for other in &others {
            let mut value = valid.clone();
            *value.pointer_mut(&pointer).unwrap() = other.clone();
            assert_eq!(validator.is_valid(&value), complete.is_valid(&value), "{pointer} {other}");
            rejected += usize::from(!validator.is_valid(&value));
        }
    }
    assert!(rejected > 100, "{rejected}");
}

fn pointers(value: &Value) -> Vec<String> {
    let members: Vec<(String, &Value)> = match value {
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), value)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(i, item)| (i.to_string(), item)).collect(),
        _ => Vec::new(),
    };
    let inner = members.into_iter().flat_map(|(name, value)| {
        pointers(value).into_iter().map(move |inner| format!("/{name}{inner}")).collect::<Vec<_>>()
    });
    std::iter::once(String::new()).chain(inner).collect()
}

/// Strategy for values.
fn value() -> impl Strategy<Value = Value> {
    let numbers = prop_oneof![Just(json!(1.0)), Just(json!(0.5)), Just(json!(-1e300)), Just(json!(u64::MAX))];
    prop_oneof![3 => scalar(), 1 => numbers].prop_recursive(3, 16, 3, |inner| {
        let members = prop::collection::btree_map(prop::sample::select(vec!["a", "b", "c/~%"]), inner.clone(), 0..3);
        prop_oneof![prop::collection::vec(inner, 0..4).prop_map(Value::from), members.prop_map(|all| json!(all))]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_subset_agrees_with_the_complete_validator(
        root in schema(), a in schema(), b in schema(), values in prop::collection::vec(value(), 8),
    ) {
        let mut schema = object(json!({ "$defs": { "a": a, "b": b } }));
        schema.insert("allOf".to_owned(), json!([root, { "$ref": "#/$defs/a" }]));
        if let Ok(validator) = Validator::new(&schema)
            && let Ok(complete) = validator::Validator::new(&schema)
        {
            for value in values {
                let (subset, complete) = (validator.is_valid(&value), complete.is_valid(&value));
                prop_assert_eq!(subset, complete, "{:?} {}", schema, value);
            }
        }
    }
}
