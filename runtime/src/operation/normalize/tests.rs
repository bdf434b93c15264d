use serde_json::json;

use super::*;

fn object(value: Value) -> Map<String, Value> {
    let Value::Object(object) = value else { panic!("an object") };
    object
}

/// Normalizes the argument `a`, whose schema is given. Returns its text and the violations.
#[expect(clippy::needless_pass_by_value, reason = "tests pass `json!(..)`")]
fn normalized(schema: &Value, value: Value) -> (String, Vec<String>) {
    let schema = object(json!({ "type": "object", "properties": { "a": schema }, "$defs": {
        "count": { "type": "integer" },
        "tree": { "type": "object", "properties": {
            "size": { "type": "integer" },
            "children": { "type": "array", "items": { "$ref": "#/$defs/tree" } },
        } },
    } }));
    let mut arguments = object(json!({ "a": value }));
    assert!(is_needed(&arguments));
    let violations = normalize(&mut arguments, &schema);
    let text = arguments.get("a").map_or_else(|| "absent".to_owned(), Value::to_string);
    (text, violations.iter().map(ToString::to_string).collect())
}

#[test]
fn integral_numbers_become_integers_where_the_schema_has_an_integer() {
    let integer = json!({ "type": "integer" });
    for (schema, value, expected) in [
        (&integer, json!(5.0), "5"),
        (&integer, json!(2.026e3), "2026"),
        (&integer, json!(-0.0), "0"),
        (&integer, json!(-9_007_199_254_740_991.0), "-9007199254740991"),
        (&json!({ "type": "number" }), json!(5.0), "5.0"),
        (&json!({}), json!(5.0), "5.0"),
        (&json!({ "type": ["integer", "null"] }), json!(5.0), "5"),
        (&json!({ "enum": [1, 5] }), json!(5.0), "5"),
        (&json!({ "enum": [1, 5.0] }), json!(5.0), "5.0"),
        (&json!({ "const": 5 }), json!(5.0), "5"),
        (&json!({ "$ref": "#/$defs/count" }), json!(5.0), "5"),
        (&json!({ "anyOf": [{ "type": "string" }, { "$ref": "#/$defs/count" }] }), json!(5.0), "5"),
        (&json!({ "anyOf": [{ "type": "number" }, { "type": "integer" }] }), json!(5.0), "5"),
        (&json!({ "items": integer }), json!([1.0, 2]), "[1,2]"),
        (&json!({ "prefixItems": [{ "type": "number" }, integer] }), json!([1.0, 2.0]), "[1.0,2]"),
        (&json!({ "additionalProperties": integer }), json!({ "x": 1.0 }), r#"{"x":1}"#),
        (&json!({ "patternProperties": { "^x": integer } }), json!({ "x": 1.0 }), r#"{"x":1}"#),
        (&json!({ "allOf": [{ "properties": { "x": integer } }] }), json!({ "x": 1.0 }), r#"{"x":1}"#),
        (
            &json!({ "$ref": "#/$defs/tree" }),
            json!({ "size": 1.0, "children": [{ "size": 2.0, "children": [] }] }),
            r#"{"children":[{"children":[],"size":2}],"size":1}"#,
        ),
    ] {
        assert_eq!(normalized(schema, value), (expected.to_owned(), vec![]), "{schema}");
    }
}

#[test]
fn an_integer_that_a_float_cannot_state_exactly_is_not_rounded() {
    for value in [9_007_199_254_740_993.0, -1e18, 1e300] {
        let value = json!([value]);
        let schema = json!({ "items": { "type": "integer" } });
        let (text, violations) = normalized(&schema, value.clone());
        assert_eq!(text, value.to_string());
        assert_eq!(
            violations,
            ["/a/0: the integer is too large, or not exact: write it without a fraction or an exponent"]
        );
        for schema in [json!({ "type": ["integer", "number"] }), json!({ "anyOf": [{ "type": "integer" }, {}] })] {
            assert_eq!(normalized(&json!({ "items": schema }), value.clone()), (value.to_string(), vec![]));
        }
    }
}

#[test]
fn null_means_that_an_optional_property_is_absent() {
    let person = json!({
        "type": "object",
        "properties": { "name": { "type": "string" }, "age": { "type": "integer" }, "any": {},
            "room": { "oneOf": [{ "type": "integer" }, { "type": "null" }] } },
        "required": ["name"],
    });
    for (schema, value, expected) in [
        (&json!({ "type": "integer" }), json!(null), "absent"),
        (&json!({ "enum": ["a"] }), json!(null), "absent"),
        (&json!({ "enum": ["a", null] }), json!(null), "null"),
        (&json!({ "type": ["integer", "null"] }), json!(null), "null"),
        (&json!({}), json!(null), "null"),
        (&json!({ "items": { "type": "integer" } }), json!([null]), "[null]"),
        (&json!({ "additionalProperties": { "type": "integer" } }), json!({ "x": null }), r#"{"x":null}"#),
        (
            &person,
            json!({ "name": null, "age": null, "any": null, "room": null, "other": null }),
            r#"{"any":null,"name":null,"other":null,"room":null}"#,
        ),
        (&json!({ "anyOf": [{ "type": "string" }, person] }), json!({ "age": null }), "{}"),
    ] {
        assert_eq!(normalized(schema, value), (expected.to_owned(), vec![]), "{schema}");
    }
}

#[test]
fn a_pointer_escapes_the_names_of_members() {
    let schema = json!({ "additionalProperties": { "type": "integer" } });
    assert!(normalized(&schema, json!({ "x/~": 1e300 })).1[0].starts_with("/a/x~1~0: "));
}

#[test]
fn arguments_without_null_and_integral_floats_need_no_normalizing() {
    assert!(!is_needed(&object(json!({ "a": [1, "x", { "b": true, "c": 5.5 }] }))));
    for value in [json!(null), json!(5.0), json!([[1e300]]), json!({ "b": { "c": null } })] {
        assert!(is_needed(&object(json!({ "a": value }))));
    }
}
