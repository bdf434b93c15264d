//! Schemas in the form that clients of every kind accept.
//!
//! schemars describes Rust types: it states their width as `format`, documents the variants of an enum as `oneOf`, and
//! refers to definitions. Validators of clients warn about unknown formats, and the subsets of JSON Schema that model
//! vendors publish lack several of these keywords. The functions below say the same with `type`, `enum`, `anyOf`,
//! `properties`, and bounds. The only difference is in the optional properties of arguments: the `null` of an `Option`
//! is removed, because [`normalize`](super::normalize) treats a `null` there as an absent property.

use schemars::{
    Schema,
    transform::{Transform, transform_subschemas},
};
use serde_json::{Map, Value, json};

mod definitions;
mod disjoint;
mod root;

pub(super) use root::without_alternatives;

/// The formats of JSON Schema, which the validator checks. Other formats are removed.
const FORMATS: [&str; 19] = [
    "date",
    "date-time",
    "duration",
    "email",
    "hostname",
    "idn-email",
    "idn-hostname",
    "ipv4",
    "ipv6",
    "iri",
    "iri-reference",
    "json-pointer",
    "regex",
    "relative-json-pointer",
    "time",
    "uri",
    "uri-reference",
    "uri-template",
    "uuid",
];

/// Keywords that schemars does not generate from Rust types. An author adds them with `#[schemars(extend(..))]`.
const KEYWORDS_OF_AUTHORS: [&str; 11] = [
    "$anchor",
    "$dynamicAnchor",
    "$dynamicRef",
    "$id",
    "dependentRequired",
    "dependentSchemas",
    "else",
    "if",
    "propertyNames",
    "then",
    "unevaluatedItems",
];

/// Whether a schema describes what a client sends, or what an operation returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Arguments of a call.
    Input,
    /// Structured content of a result.
    Output,
}

/// Rewrites the schema of an operation. A schema with keywords of its author is returned as it is: they may depend on
/// its definitions, and its author has decided which clients it is for.
pub(crate) fn portable(mut schema: Schema, direction: Direction) -> Schema {
    if schema.as_object().is_some_and(is_written_by_author) {
        return schema;
    }
    // The default dialect of MCP is 2020-12. The title is the name of a Rust type.
    schema.remove("$schema");
    schema.remove("title");
    definitions::inline(&mut schema);
    Simplify(direction).transform(&mut schema);
    schema
}

/// Returns whether a schema has a keyword that only an author writes. Names of properties are no keywords.
fn is_written_by_author(schema: &Map<String, Value>) -> bool {
    schema.iter().any(|(keyword, value)| match keyword.as_str() {
        "properties" | "patternProperties" | "$defs" => {
            value.as_object().is_some_and(|schemas| schemas.values().any(has_keyword_of_author))
        }
        "const" | "enum" | "default" | "examples" => false,
        keyword => KEYWORDS_OF_AUTHORS.contains(&keyword) || has_keyword_of_author(value),
    })
}

fn has_keyword_of_author(schemas: &Value) -> bool {
    match schemas {
        Value::Object(schema) => is_written_by_author(schema),
        Value::Array(schemas) => schemas.iter().any(has_keyword_of_author),
        _ => false,
    }
}

/// Rewrites a schema and its subschemas.
struct Simplify(Direction);

impl Transform for Simplify {
    fn transform(&mut self, schema: &mut Schema) {
        if let (Direction::Input, Some(object)) = (self.0, schema.as_object_mut()) {
            // Before the subschemas, so that an optional enum becomes an enum first.
            remove_optional_nulls(object);
        }
        transform_subschemas(self, schema);
        let Some(object) = schema.as_object_mut() else { return };
        replace_boolean_schemas(object);
        replace_format(object);
        if object.get("default").is_some_and(Value::is_null) {
            object.remove("default");
        }
        replace_constant(object);
        merge_enum(object);
        split_types(object);
        if !object.contains_key("anyOf")
            && let Some(Value::Array(branches)) = object.get("oneOf")
            && disjoint::are_disjoint(branches)
            && let Some(branches) = object.remove("oneOf")
        {
            object.insert("anyOf".to_owned(), branches);
        }
    }
}

/// Removes the `null` of an `Option` from the properties that are not required.
pub(super) fn remove_optional_nulls(object: &mut Map<String, Value>) {
    let required = match object.get("required") {
        Some(Value::Array(required)) => required.clone(),
        _ => Vec::new(),
    };
    let Some(Value::Object(properties)) = object.get_mut("properties") else { return };
    for (name, property) in properties {
        if let Value::Object(property) = property
            && !required.iter().any(|required| required == name)
        {
            remove_null(property);
        }
    }
}

/// Removes `null` from a schema as schemars adds it for an `Option`. A `oneOf` with `null` is left: with it, an author
/// gives `null` a meaning of its own.
fn remove_null(property: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = property.get_mut("type")
        && types.len() > 1
    {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            property.insert("type".to_owned(), only);
        }
        if let Some(Value::Array(values)) = property.get_mut("enum") {
            values.retain(|value| !value.is_null());
        }
    }
    if let Some(Value::Array(branches)) = property.get_mut("anyOf") {
        let null = json!({ "type": "null" });
        if branches.iter().all(|branch| *branch == null) {
            return;
        }
        branches.retain(|branch| *branch != null);
        if branches.len() == 1 {
            let Some(Value::Array(mut only)) = property.remove("anyOf") else { return };
            let Some(branch) = only.pop() else { return };
            match branch {
                Value::Object(branch)
                    if !property.contains_key("$ref") && definitions::can_merge(property, &branch) =>
                {
                    definitions::merge(property, branch);
                }
                Value::Bool(true) => {}
                branch => {
                    property.insert("anyOf".to_owned(), json!([branch]));
                }
            }
        }
    }
}

/// Replaces the schemas `true` and `false` where clients expect an object.
fn replace_boolean_schemas(object: &mut Map<String, Value>) {
    fn replace(schema: &mut Value) {
        match schema {
            Value::Bool(true) => *schema = json!({}),
            Value::Bool(false) => *schema = json!({ "not": {} }),
            _ => {}
        }
    }
    for (keyword, value) in object {
        match (keyword.as_str(), value) {
            ("properties" | "patternProperties" | "$defs", Value::Object(schemas)) => {
                schemas.values_mut().for_each(replace);
            }
            ("allOf" | "anyOf" | "oneOf" | "prefixItems", Value::Array(schemas)) => {
                schemas.iter_mut().for_each(replace);
            }
            ("items" | "contains" | "propertyNames", schema) => replace(schema),
            _ => {}
        }
    }
}

/// Replaces the format of an integer by its bounds, and removes formats that are not of JSON Schema.
///
/// The bounds of 64 and more bits are left to the parameter's type: JavaScript would round them.
pub(super) fn replace_format(object: &mut Map<String, Value>) {
    let Some(Value::String(format)) = object.get("format") else { return };
    let bounds = match format.as_str() {
        format if FORMATS.contains(&format) => return,
        "int8" => Some((i64::from(i8::MIN), i64::from(i8::MAX))),
        "int16" => Some((i64::from(i16::MIN), i64::from(i16::MAX))),
        "int32" => Some((i64::from(i32::MIN), i64::from(i32::MAX))),
        "uint8" => Some((0, i64::from(u8::MAX))),
        "uint16" => Some((0, i64::from(u16::MAX))),
        "uint32" => Some((0, i64::from(u32::MAX))),
        _ => None,
    };
    object.remove("format");
    if let Some((minimum, maximum)) = bounds {
        tighten(object, "minimum", minimum, |existing, bound| existing < bound);
        tighten(object, "maximum", maximum, |existing, bound| existing > bound);
    }
}

/// Adds a bound, or replaces one that is wider than the type.
#[allow(clippy::cast_precision_loss, reason = "bounds have at most 32 bits")]
fn tighten(object: &mut Map<String, Value>, keyword: &str, bound: i64, is_wider: impl Fn(f64, f64) -> bool) {
    match object.get(keyword).and_then(Value::as_f64) {
        Some(existing) if !is_wider(existing, bound as f64) => {}
        _ => {
            object.insert(keyword.to_owned(), bound.into());
        }
    }
}

/// Replaces a `const` by an `enum` with one value, which every client knows.
fn replace_constant(object: &mut Map<String, Value>) {
    let is_plain = |value: &Value| matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_));
    if !object.contains_key("enum") && object.get("const").is_some_and(is_plain) {
        let value = object.remove("const");
        object.insert("enum".to_owned(), Value::Array(value.into_iter().collect()));
    }
}

/// Merges the alternatives of an enum without data into one `enum`. The documentation of its variants becomes a list in
/// the description.
fn merge_enum(object: &mut Map<String, Value>) {
    for keyword in ["oneOf", "anyOf"] {
        let Some(Value::Array(branches)) = object.get(keyword) else { continue };
        let Some(variants) = branches.iter().map(Variants::of).collect::<Option<Vec<_>>>() else { continue };
        let Some(first) = variants.first().map(|first| first.kind) else { continue };
        if variants.iter().any(|variants| variants.kind != first)
            || ["type", "enum"].iter().any(|keyword| object.contains_key(*keyword))
        {
            continue;
        }
        let mut values: Vec<Value> = Vec::new();
        for value in variants.iter().flat_map(|variants| variants.values) {
            if !values.contains(value) {
                values.push(value.clone());
            }
        }
        let documentation: Vec<_> = variants.iter().filter_map(Variants::documentation).collect();
        let kind = first.to_owned();
        object.remove(keyword);
        object.insert("type".to_owned(), kind.into());
        object.insert("enum".to_owned(), values.into());
        if !documentation.is_empty() {
            let documentation = documentation.join("\n");
            let description = match object.get("description").and_then(Value::as_str) {
                Some(description) => format!("{description}\n\n{documentation}"),
                None => documentation,
            };
            object.insert("description".to_owned(), description.into());
        }
    }
}

/// Replaces a list of types by one alternative for each type, with the keywords that are about it.
fn split_types(object: &mut Map<String, Value>) {
    let Some(Value::Array(types)) = object.get("type") else { return };
    if types.len() < 2 || ["anyOf", "const"].iter().any(|keyword| object.contains_key(*keyword)) {
        return;
    }
    let names: Vec<String> = types.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    object.remove("type");
    let values = match object.remove("enum") {
        Some(Value::Array(values)) => Some(values),
        _ => None,
    };
    let mut branches = Vec::new();
    for name in names {
        let mut branch = Map::new();
        if let Some(values) = &values {
            let values: Vec<_> = values.iter().filter(|value| is_of_type(value, &name)).cloned().collect();
            if values.is_empty() {
                continue;
            }
            if name != "null" {
                branch.insert("enum".to_owned(), values.into());
            }
        }
        for keyword in keywords_about(&name) {
            if let Some(value) = object.get(*keyword) {
                branch.insert((*keyword).to_owned(), value.clone());
            }
        }
        branch.insert("type".to_owned(), name.into());
        branches.push(branch.into());
    }
    for name in ["array", "number", "object", "string"] {
        for keyword in keywords_about(name) {
            object.remove(*keyword);
        }
    }
    object.insert("anyOf".to_owned(), Value::Array(branches));
}

/// Keywords that restrict the values of a type, and no others.
fn keywords_about(name: &str) -> &'static [&'static str] {
    match name {
        "integer" | "number" => &["exclusiveMaximum", "exclusiveMinimum", "maximum", "minimum", "multipleOf"],
        "string" => &["contentEncoding", "contentMediaType", "format", "maxLength", "minLength", "pattern"],
        "array" => &[
            "contains",
            "items",
            "maxContains",
            "maxItems",
            "minContains",
            "minItems",
            "prefixItems",
            "unevaluatedItems",
            "uniqueItems",
        ],
        "object" => &[
            "additionalProperties",
            "dependentRequired",
            "dependentSchemas",
            "maxProperties",
            "minProperties",
            "patternProperties",
            "properties",
            "propertyNames",
            "required",
            "unevaluatedProperties",
        ],
        _ => &[],
    }
}

fn is_of_type(value: &Value, name: &str) -> bool {
    match value {
        Value::Null => name == "null",
        Value::Bool(_) => name == "boolean",
        Value::Number(_) => matches!(name, "integer" | "number"),
        Value::String(_) => name == "string",
        Value::Array(_) => name == "array",
        Value::Object(_) => name == "object",
    }
}

/// Variants of an enum that are in one schema: those without a doc comment, or one with its doc comment.
struct Variants<'a> {
    kind: &'a str,
    values: &'a [Value],
    description: Option<&'a str>,
}

impl<'a> Variants<'a> {
    /// Returns the variants, if the schema consists of nothing else.
    fn of(schema: &'a Value) -> Option<Self> {
        let schema = schema.as_object()?;
        let is_known = |keyword: &String| matches!(keyword.as_str(), "type" | "enum" | "description");
        schema.keys().all(is_known).then_some(())?;
        Some(Self {
            kind: schema.get("type")?.as_str()?,
            values: schema.get("enum")?.as_array()?,
            description: schema.get("description").and_then(Value::as_str),
        })
    }

    /// Returns a list item with the doc comment of the variant.
    fn documentation(&self) -> Option<String> {
        let description = self.description?.split_whitespace().collect::<Vec<_>>().join(" ");
        let values: Vec<_> = self.values.iter().map(|value| format!("`{}`", plain(value))).collect();
        Some(format!("- {}: {description}", values.join(", ")))
    }
}

/// A value as a model writes it: text without quotation marks.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests;
