//! Replacing references by the definitions that they refer to.
//!
//! Some clients do not resolve `$ref`. A reference remains where a type contains itself, and where the schema would become
//! much larger.

use std::collections::{BTreeMap, BTreeSet};

use schemars::{
    Schema,
    transform::{Transform, transform_subschemas},
};
use serde_json::{Map, Value};

/// Maximum number of JSON values that inlining adds to a schema. Types that use each other several times would otherwise
/// grow exponentially.
const MAX_ADDED_VALUES: usize = 2000;

/// Inlines the definitions of a schema, and removes those that are no longer referred to.
pub(super) fn inline(schema: &mut Schema) {
    let Some(Value::Object(definitions)) = schema.remove("$defs") else { return };
    let mut inliner = Inliner::new(&definitions);
    inliner.transform(schema);
    let mut remaining = Map::new();
    let mut pending = references(schema.as_value());
    while let Some(name) = pending.pop_first() {
        let Some(definition) = definitions.get(name.as_str()) else {
            // A reference in another form: any definition can be needed.
            remaining.extend(definitions.clone());
            break;
        };
        if remaining.contains_key(name.as_str()) {
            continue;
        }
        let mut definition = definition.clone();
        if let Ok(definition) = <&mut Schema>::try_from(&mut definition) {
            inliner.transform(definition);
        }
        pending.extend(references(&definition));
        remaining.insert(name, definition);
    }
    if !remaining.is_empty() {
        schema.insert("$defs".to_owned(), remaining.into());
    }
}

struct Inliner<'a> {
    definitions: &'a Map<String, Value>,
    /// Definitions that contain themselves.
    recursive: BTreeSet<&'a str>,
    /// How many values may still be added.
    budget: usize,
}

impl<'a> Inliner<'a> {
    fn new(definitions: &'a Map<String, Value>) -> Self {
        let uses: BTreeMap<&str, BTreeSet<String>> =
            definitions.iter().map(|(name, definition)| (name.as_str(), references(definition))).collect();
        let is_recursive = |name: &&str| {
            let mut pending: Vec<&str> = uses[*name].iter().map(String::as_str).collect();
            let mut seen = BTreeSet::new();
            while let Some(next) = pending.pop() {
                if next == *name {
                    return true;
                }
                if seen.insert(next) {
                    pending.extend(uses.get(next).into_iter().flatten().map(String::as_str));
                }
            }
            false
        };
        let recursive = uses.keys().copied().filter(is_recursive).collect();
        Self { definitions, recursive, budget: MAX_ADDED_VALUES }
    }

    /// Returns the definition that replaces a reference.
    fn replacement(&mut self, schema: &Map<String, Value>) -> Option<Map<String, Value>> {
        let name = name(schema.get("$ref")?.as_str()?)?;
        if self.recursive.contains(name.as_str()) {
            return None;
        }
        let definition = self.definitions.get(&name)?.as_object()?;
        let size = definition.values().map(size).sum::<usize>();
        if size > self.budget || !can_merge(schema, definition) {
            return None;
        }
        self.budget -= size;
        Some(definition.clone())
    }
}

impl Transform for Inliner<'_> {
    fn transform(&mut self, schema: &mut Schema) {
        if let Some(object) = schema.as_object_mut() {
            // A definition can be a reference itself.
            while let Some(definition) = self.replacement(object) {
                object.remove("$ref");
                merge(object, definition);
            }
        }
        transform_subschemas(self, schema);
    }
}

/// Returns the name in a reference to a definition.
fn name(reference: &str) -> Option<String> {
    Some(reference.strip_prefix("#/$defs/")?.replace("~1", "/").replace("~0", "~"))
}

/// Returns the definitions that a schema refers to. Other references, except to the root, are returned as they are.
fn references(value: &Value) -> BTreeSet<String> {
    fn collect(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Array(values) => values.iter().for_each(|value| collect(value, found)),
            Value::Object(members) => {
                if let Some(Value::String(reference)) = members.get("$ref")
                    && reference != "#"
                {
                    found.insert(name(reference).unwrap_or_else(|| reference.clone()));
                }
                members.values().for_each(|value| collect(value, found));
            }
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    collect(value, &mut found);
    found
}

/// Returns the number of values in a JSON value.
fn size(value: &Value) -> usize {
    1 + match value {
        Value::Array(values) => values.iter().map(size).sum(),
        Value::Object(members) => members.values().map(size).sum(),
        _ => 0,
    }
}

/// Keywords that say nothing about valid values. Those beside a reference override those of the definition.
fn is_annotation(keyword: &str) -> bool {
    matches!(keyword, "default" | "deprecated" | "description" | "examples" | "readOnly" | "title" | "writeOnly")
        || keyword.starts_with("x-")
}

/// Returns whether a schema and a definition that also applies can be written as one schema.
pub(super) fn can_merge(schema: &Map<String, Value>, definition: &Map<String, Value>) -> bool {
    let has_other_properties = |schema: &Map<String, Value>| {
        ["additionalProperties", "unevaluatedProperties"].iter().any(|keyword| schema.contains_key(*keyword))
    };
    let has_properties =
        |schema: &Map<String, Value>| ["properties", "patternProperties"].iter().any(|k| schema.contains_key(*k));
    // These keywords apply to what the keywords beside them do not.
    if has_other_properties(schema) && (has_properties(definition) || has_other_properties(definition))
        || has_other_properties(definition) && has_properties(schema)
    {
        return false;
    }
    // The reference of the schema is the one that the definition replaces.
    schema.iter().filter(|(keyword, _)| *keyword != "$ref").all(|(keyword, value)| {
        match (keyword.as_str(), definition.get(keyword)) {
            (_, None) => true,
            (keyword, Some(_)) if is_annotation(keyword) => true,
            ("properties", Some(Value::Object(theirs))) => {
                value.as_object().is_some_and(|ours| ours.keys().all(|name| !theirs.contains_key(name)))
            }
            ("required", Some(Value::Array(_))) => value.is_array(),
            (_, Some(theirs)) => value == theirs,
        }
    })
}

/// Adds a definition to a schema that [can be merged](can_merge) with it.
pub(super) fn merge(schema: &mut Map<String, Value>, definition: Map<String, Value>) {
    for (keyword, theirs) in definition {
        match (keyword.as_str(), schema.get_mut(&keyword), theirs) {
            ("properties", Some(Value::Object(ours)), Value::Object(theirs)) => ours.extend(theirs),
            ("required", Some(Value::Array(ours)), Value::Array(theirs)) => {
                let new: Vec<_> = theirs.into_iter().filter(|name| !ours.contains(name)).collect();
                ours.extend(new);
            }
            (_, Some(_), _) => {}
            (_, None, theirs) => {
                schema.insert(keyword, theirs);
            }
        }
    }
}
