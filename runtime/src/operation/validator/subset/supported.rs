//! Which schemas the subset enforces.

use serde_json::{Map, Value};

use super::{DEFINITIONS, all, definition};
use crate::error::OperationProblem;

/// The only accepted dialect; a schema without `$schema` uses it too.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Checks that the subset enforces everything that a schema says.
///
/// # Errors
///
/// The first keyword that it does not enforce, or whose value is not valid.
pub(super) fn check(root: &Map<String, Value>) -> Result<(), OperationProblem> {
    let mut check = Check { root, followed: Vec::new() };
    for (keyword, value) in root {
        match keyword.as_str() {
            "$schema" if value == DIALECT => {}
            // Those that are used are checked where they are.
            "$defs" if value.is_object() => {}
            "properties" => {
                for (name, schema) in members(keyword, value)? {
                    check.schema(schema, name)?;
                }
            }
            _ => check.keyword(keyword, value, "")?,
        }
    }
    let definitions = root.get("$defs").and_then(Value::as_object);
    definitions.into_iter().flatten().try_for_each(|(name, schema)| check.ends(schema, &mut vec![name]))
}

struct Check<'a> {
    root: &'a Map<String, Value>,
    /// The references whose definitions have been checked.
    followed: Vec<&'a str>,
}

impl<'a> Check<'a> {
    /// Checks a schema in an argument.
    fn schema(&mut self, schema: &'a Value, argument: &str) -> Result<(), OperationProblem> {
        match schema {
            Value::Bool(_) => Ok(()),
            Value::Object(schema) => {
                schema.iter().try_for_each(|(keyword, value)| self.keyword(keyword, value, argument))
            }
            _ => Err(OperationProblem::InvalidInputSchema("a schema must be an object or a boolean".to_owned())),
        }
    }

    fn keyword(&mut self, keyword: &str, value: &'a Value, argument: &str) -> Result<(), OperationProblem> {
        let is_valid = match keyword {
            "title" | "description" | "default" | "examples" | "deprecated" | "readOnly" | "writeOnly"
            | "x-mcp-header" => true,
            "type" if value.is_array() => value.as_array().is_some_and(|names| names.iter().all(is_type)),
            "type" => is_type(value),
            "required" => value.as_array().is_some_and(|names| names.iter().all(Value::is_string)),
            "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" => value.is_number(),
            "minLength" | "maxLength" | "minItems" | "maxItems" => value.is_u64(),
            "enum" if all(value).all(is_scalar) => value.as_array().is_some_and(|options| !options.is_empty()),
            "const" if is_scalar(value) => true,
            "items" | "additionalProperties" => return self.schema(value, argument),
            "properties" => {
                return members(keyword, value)?.values().try_for_each(|schema| self.schema(schema, argument));
            }
            "allOf" | "anyOf" | "oneOf" | "prefixItems" => {
                if let Some(schemas) = value.as_array().filter(|schemas| !schemas.is_empty()) {
                    return schemas.iter().try_for_each(|schema| self.schema(schema, argument));
                }
                false
            }
            "$ref" if value.as_str().is_some_and(is_definition) => return self.reference(value, argument),
            _ => {
                let (argument, keyword) = (argument.to_owned(), keyword.to_owned());
                return Err(OperationProblem::JsonSchemaFeature { argument, keyword });
            }
        };
        if is_valid { Ok(()) } else { Err(invalid(keyword)) }
    }

    fn reference(&mut self, value: &'a Value, argument: &str) -> Result<(), OperationProblem> {
        let reference = value.as_str().unwrap_or_default();
        if self.followed.contains(&reference) {
            return Ok(());
        }
        self.followed.push(reference);
        let schema = definition(self.root, reference).ok_or_else(|| invalid("$ref"))?;
        self.schema(schema, argument)
    }

    /// Checks that no schema refers to itself without a step into the value, which would never end. `names` are the
    /// definitions on the way to `schema`.
    fn ends(&self, schema: &'a Value, names: &mut Vec<&'a str>) -> Result<(), OperationProblem> {
        for keyword in ["allOf", "anyOf", "oneOf"] {
            schema.get(keyword).into_iter().flat_map(all).try_for_each(|schema| self.ends(schema, names))?;
        }
        let Some(reference) = schema.get("$ref").and_then(Value::as_str) else { return Ok(()) };
        let Some(name) = reference.strip_prefix(DEFINITIONS) else { return Ok(()) };
        let Some(schema) = definition(self.root, reference) else { return Ok(()) };
        if names.contains(&name) {
            return Err(invalid("$ref"));
        }
        names.push(name);
        let ends = self.ends(schema, names);
        names.pop();
        ends
    }
}

fn members<'a>(keyword: &str, value: &'a Value) -> Result<&'a Map<String, Value>, OperationProblem> {
    value.as_object().ok_or_else(|| invalid(keyword))
}

fn invalid(keyword: &str) -> OperationProblem {
    OperationProblem::InvalidInputSchema(format!("the value of `{keyword}` is not valid"))
}

fn is_type(name: &Value) -> bool {
    matches!(name.as_str(), Some("array" | "boolean" | "integer" | "null" | "number" | "object" | "string"))
}

fn is_scalar(value: &Value) -> bool {
    !value.is_array() && !value.is_object()
}

/// Returns whether a reference names a definition, without escapes.
fn is_definition(reference: &str) -> bool {
    let needs_no_escape = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
    reference.strip_prefix(DEFINITIONS).is_some_and(needs_no_escape)
}
