//! The root of an input schema. The APIs of several model vendors reject a tool whose schema has alternatives there, and
//! with it the request with all other tools.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{is_written_by_author, merge_enum};

const ALTERNATIVES: [&str; 3] = ["allOf", "anyOf", "oneOf"];

/// Returns the schema without alternatives at its root: with the properties of all of them, and with those required that
/// all require. It accepts every value that `schema` accepts. `None` if there are no alternatives, or if its author has
/// written them.
pub(crate) fn without_alternatives(schema: &Map<String, Value>) -> Option<Map<String, Value>> {
    let has_alternatives = ALTERNATIVES.iter().any(|keyword| schema.contains_key(*keyword));
    if !has_alternatives || is_written_by_author(schema) {
        return None;
    }
    let Shape { properties, required } = Shape::of(schema);
    let mut merged = schema.clone();
    for keyword in ALTERNATIVES {
        merged.remove(keyword);
    }
    let properties: Map<_, _> =
        properties.into_iter().map(|(name, schemas)| (name.to_owned(), any_of(schemas))).collect();
    merged.insert("properties".to_owned(), properties.into());
    if !required.is_empty() {
        merged.insert("required".to_owned(), json!(required));
    }
    // Every property is in `properties` now, so the keyword that clients know says the same.
    if merged.remove("unevaluatedProperties").is_some_and(|unevaluated| unevaluated == false) {
        merged.insert("additionalProperties".to_owned(), json!(false));
    }
    Some(merged)
}

/// Properties of an object with alternatives, and those that all alternatives require.
#[derive(Default)]
struct Shape<'a> {
    properties: BTreeMap<&'a str, Vec<&'a Value>>,
    required: BTreeSet<&'a str>,
}

impl<'a> Shape<'a> {
    fn of(schema: &'a Map<String, Value>) -> Self {
        let mut shape = Self::default();
        for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            shape.properties.insert(name, vec![property]);
        }
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        shape.required.extend(required.filter_map(Value::as_str));
        for part in parts(schema, "allOf") {
            let part = Self::of(part);
            shape.required.extend(&part.required);
            shape.add_properties(part);
        }
        for keyword in ["anyOf", "oneOf"] {
            let mut common: Option<BTreeSet<_>> = None;
            for alternative in parts(schema, keyword) {
                let alternative = Self::of(alternative);
                common = Some(match common {
                    Some(common) => common.intersection(&alternative.required).copied().collect(),
                    None => alternative.required.clone(),
                });
                shape.add_properties(alternative);
            }
            shape.required.extend(common.unwrap_or_default());
        }
        shape
    }

    fn add_properties(&mut self, other: Self) {
        for (name, schemas) in other.properties {
            let known = self.properties.entry(name).or_default();
            for schema in schemas {
                if !known.contains(&schema) {
                    known.push(schema);
                }
            }
        }
    }
}

fn parts<'a>(schema: &'a Map<String, Value>, keyword: &str) -> impl Iterator<Item = &'a Map<String, Value>> {
    schema.get(keyword).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object)
}

fn any_of(schemas: Vec<&Value>) -> Value {
    if let [only] = schemas.as_slice() {
        return (*only).clone();
    }
    let mut merged = Map::new();
    merged.insert("anyOf".to_owned(), schemas.into_iter().cloned().collect());
    merge_enum(&mut merged);
    merged.into()
}
