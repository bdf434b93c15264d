//! Recognizing schemas that certainly compile.
//!
//! Compiling validators dominates the start-up time of a server with many tools. A schema that consists only of the
//! keywords below, each with a valid value, cannot fail to compile, so it is compiled by the tool's first call. Other
//! schemas are compiled when the server is built, so that an invalid one is reported there.

use serde_json::{Map, Value};

/// The only accepted dialect; a schema without `$schema` uses it too.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";
/// Maximum depth. Compiling is recursive, and the first call may run on a thread with a small stack.
const MAX_DEPTH: usize = 12;

/// Returns whether a schema certainly compiles.
pub(crate) fn is_simple(root: &Map<String, Value>) -> bool {
    let none = Map::new();
    let definitions = match root.get("$defs") {
        None => &none,
        Some(Value::Object(definitions)) => definitions,
        Some(_) => return false,
    };
    let check = SimpleSchemaCheck { definitions };
    root.iter().all(|(keyword, value)| match keyword.as_str() {
        "$schema" => value == DIALECT,
        "$defs" => check.members(definitions, MAX_DEPTH),
        _ => check.keyword(keyword, value, MAX_DEPTH),
    })
}

/// Check of a schema and its definitions.
struct SimpleSchemaCheck<'a> {
    definitions: &'a Map<String, Value>,
}

impl SimpleSchemaCheck<'_> {
    /// Returns whether a schema is simple.
    fn schema(&self, schema: &Value, depth: usize) -> bool {
        match schema {
            Value::Bool(_) => true,
            Value::Object(schema) if depth > 0 => {
                schema.iter().all(|(keyword, value)| self.keyword(keyword, value, depth - 1))
            }
            _ => false,
        }
    }

    /// Returns whether a keyword and its value are simple.
    fn keyword(&self, keyword: &str, value: &Value, depth: usize) -> bool {
        match (keyword, value) {
            ("type", Value::String(name)) => is_type(name),
            ("type", Value::Array(names)) => {
                !names.is_empty()
                    && are_distinct_strings(names)
                    && names.iter().filter_map(Value::as_str).all(is_type)
            }
            ("properties", Value::Object(properties)) => self.members(properties, depth),
            ("required", Value::Array(names)) => are_distinct_strings(names),
            ("items" | "additionalProperties", schema) => self.schema(schema, depth),
            ("allOf" | "anyOf" | "oneOf" | "prefixItems", Value::Array(schemas)) => {
                !schemas.is_empty() && schemas.iter().all(|schema| self.schema(schema, depth))
            }
            ("$ref", Value::String(reference)) => self.is_defined(reference),
            ("enum", Value::Array(values)) => !values.is_empty() && values.iter().all(is_scalar),
            ("const", value) => is_scalar(value),
            ("minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum", Value::Number(bound)) => {
                bound.as_f64().is_some_and(f64::is_finite)
            }
            (
                "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties" | "maxProperties",
                Value::Number(count),
            ) => count.as_u64().is_some(),
            ("uniqueItems" | "deprecated" | "readOnly" | "writeOnly", value) => value.is_boolean(),
            // The validator ignores unknown formats.
            ("title" | "description" | "format" | "x-mcp-header", value) => value.is_string(),
            ("default", value) => is_data(value),
            ("examples", Value::Array(values)) => values.iter().all(is_data),
            _ => false,
        }
    }

    /// Returns whether all named schemas are simple.
    fn members(&self, schemas: &Map<String, Value>, depth: usize) -> bool {
        schemas.iter().all(|(name, schema)| !name.starts_with('$') && self.schema(schema, depth))
    }

    /// Returns whether a reference names one of the definitions, without escapes.
    fn is_defined(&self, reference: &str) -> bool {
        let needs_no_escape = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
        reference
            .strip_prefix("#/$defs/")
            .is_some_and(|name| needs_no_escape(name) && self.definitions.contains_key(name))
    }
}

fn is_type(name: &str) -> bool {
    matches!(name, "array" | "boolean" | "integer" | "null" | "number" | "object" | "string")
}

fn are_distinct_strings(names: &[Value]) -> bool {
    names.iter().enumerate().all(|(i, name)| name.is_string() && !names[..i].contains(name))
}

fn is_scalar(value: &Value) -> bool {
    !value.is_array() && !value.is_object()
}

/// Returns whether a value contains no member that could be read as an identifier or a reference, such as `$ref`.
fn is_data(value: &Value) -> bool {
    match value {
        Value::Array(values) => values.iter().all(is_data),
        Value::Object(values) => values.iter().all(|(name, value)| !name.starts_with('$') && is_data(value)),
        _ => true,
    }
}

#[cfg(test)]
mod tests;
