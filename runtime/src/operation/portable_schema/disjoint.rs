//! Whether the alternatives of a `oneOf` exclude each other, so that `anyOf` accepts the same values.

use serde_json::{Map, Value};

/// Returns whether no value fits two of these schemas. `false` if that is not certain.
pub(super) fn are_disjoint(schemas: &[Value]) -> bool {
    schemas.iter().enumerate().all(|(i, one)| schemas[..i].iter().all(|other| exclude_each_other(one, other)))
}

fn exclude_each_other(one: &Value, other: &Value) -> bool {
    let (Value::Object(one), Value::Object(other)) = (one, other) else { return false };
    let differ_in_type =
        types(one).zip(types(other)).is_some_and(|(one, other)| one.iter().all(|name| !other.contains(name)));
    let differ_in_value = one
        .get("enum")
        .and_then(Value::as_array)
        .zip(other.get("enum").and_then(Value::as_array))
        .is_some_and(|(one, other)| one.iter().all(|value| !other.contains(value)));
    differ_in_type || differ_in_value || is_object(one) && is_object(other) && differ_in_property(one, other)
}

/// Returns the types of a schema. Every integer is a number.
fn types(schema: &Map<String, Value>) -> Option<Vec<&str>> {
    let names: Vec<&str> = match schema.get("type")? {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => return None,
    };
    Some(names.into_iter().map(|name| if name == "integer" { "number" } else { name }).collect())
}

fn is_object(schema: &Map<String, Value>) -> bool {
    schema.get("type").is_some_and(|name| name == "object")
}

/// Returns whether two schemas of objects require a property that has no common value, or that the other one forbids.
fn differ_in_property(one: &Map<String, Value>, other: &Map<String, Value>) -> bool {
    required(one).any(|name| match property(other, name) {
        Some(theirs) => {
            required(other).any(|required| required == name)
                && property(one, name).is_some_and(|ours| exclude_each_other(ours, theirs))
        }
        None => forbids_others(other),
    }) || required(other).any(|name| property(one, name).is_none() && forbids_others(one))
}

fn required(schema: &Map<String, Value>) -> impl Iterator<Item = &str> {
    schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

fn property<'a>(schema: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    schema.get("properties")?.get(name)
}

fn forbids_others(schema: &Map<String, Value>) -> bool {
    schema.get("additionalProperties") == Some(&Value::Bool(false)) && !schema.contains_key("patternProperties")
}
