//! The arguments of a tool: their schema, and holding a call's arguments against it.

use std::fmt;

use jsonschema::{Validator, error::ValidationErrorKind};
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::ToolError;

/// How many violations are reported at most: a model mends some at a time, and a caller cannot ask for a large answer.
const MAX_VIOLATIONS: usize = 20;

/// What one parameter of a tool can be.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a tool",
    label = "arguments come from JSON",
    note = "an argument needs `serde::Deserialize` and `schemars::JsonSchema`; what the server hands in is taken by \
            reference: `&{Self}`"
)]
pub trait Argument: DeserializeOwned + JsonSchema {}

impl<T: DeserializeOwned + JsonSchema> Argument for T {}

/// The arguments of a call, as a guard sees them: they fit the tool's schema.
#[derive(Debug)]
pub struct Arguments(Map<String, Value>);

impl Arguments {
    /// One argument, if it was given.
    ///
    /// # Errors
    ///
    /// The argument is not a `T`.
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, ToolError> {
        self.0.get(name).map(T::deserialize).transpose().map_err(Into::into)
    }

    /// All of them, as JSON.
    pub fn as_object(&self) -> &Map<String, Value> {
        &self.0
    }

    pub(crate) fn new(arguments: Map<String, Value>) -> Self {
        Self(arguments)
    }

    pub(crate) fn as_object_mut(&mut self) -> &mut Map<String, Value> {
        &mut self.0
    }

    pub(crate) fn into_object(self) -> Map<String, Value> {
        self.0
    }
}

/// A tool's input schema, and the validator made from it: what is shown is what is enforced.
pub(crate) struct ArgumentSchema {
    schema: Map<String, Value>,
    validator: Validator,
}

impl ArgumentSchema {
    /// # Errors
    ///
    /// A sentence, if the schema is not one of an object or cannot be compiled.
    pub(crate) fn new(schema: schemars::Schema) -> Result<Self, String> {
        let Value::Object(mut schema) = schema.to_value() else {
            return Err("its arguments have the schema `true`; they must be an object".to_owned());
        };
        schema.remove("title");
        schema.remove("description");
        if schema.get("type") != Some(&json!("object")) {
            return Err("the schema of its arguments is not of `\"type\": \"object\"`".to_owned());
        }
        schema.entry("properties").or_insert_with(|| json!({}));
        let value = Value::Object(schema);
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .offline()
            .build(&value)
            .map_err(|error| format!("the schema of its arguments is not valid: {error}"))?;
        let Value::Object(schema) = value else { unreachable!("it was made from an object above") };
        Ok(Self { schema, validator })
    }

    pub(crate) fn schema(&self) -> &Map<String, Value> {
        &self.schema
    }

    /// # Errors
    ///
    /// Everything that does not fit, each with where it is.
    pub(crate) fn check(&self, arguments: Map<String, Value>) -> Result<Arguments, Vec<Violation>> {
        let value = Value::Object(arguments);
        if !self.validator.is_valid(&value) {
            return Err(self
                .validator
                .iter_errors(&value)
                .take(MAX_VIOLATIONS)
                .map(|e| Violation::new(&e))
                .collect());
        }
        let Value::Object(arguments) = value else { unreachable!("it was made from an object above") };
        Ok(Arguments(arguments))
    }
}

/// The generator that describes what is *read*. Schemas of types that are used once stand where they are used, which is
/// what models read best.
pub(crate) fn schema_generator() -> SchemaGenerator {
    SchemaSettings::draft2020_12().into_generator()
}

/// One way in which arguments do not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    /// JSON pointer (RFC 6901) to the value that is wrong; empty for the arguments as a whole.
    pub(crate) pointer: String,
    /// What is wrong with it.
    pub(crate) message: String,
}

impl Violation {
    /// The offending value is left out of the sentence: the caller has it, and a log should not.
    fn new(error: &jsonschema::ValidationError<'_>) -> Self {
        let message = match error.kind() {
            // Every choice, where the usual sentence cuts them short: the model needs the one it did not think of.
            ValidationErrorKind::Enum { options } => format!("the value is not one of {options}"),
            _ => error.masked_with("the value").to_string(),
        };
        Self { pointer: error.instance_path().to_string(), message }
    }

    pub(crate) fn of_all(message: impl Into<String>) -> Self {
        Self { pointer: String::new(), message: message.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pointer.is_empty() {
            write!(f, "(arguments): {}", self.message)
        } else {
            write!(f, "{}: {}", self.pointer, self.message)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> ArgumentSchema {
        let schema = json!({
            "type": "object",
            "properties": { "id": { "type": "string", "pattern": "^emp_" }, "limit": { "type": "integer", "maximum": 50 } },
            "required": ["id"],
            "additionalProperties": false,
        });
        ArgumentSchema::new(schema.try_into().unwrap()).ok().unwrap()
    }

    fn violations(arguments: Value) -> Vec<String> {
        let Value::Object(arguments) = arguments else { panic!("an object") };
        schema().check(arguments).err().unwrap_or_default().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn t3_every_violation_is_named_with_its_pointer() {
        let found = violations(json!({ "id": "x", "limit": 99, "extra": true }));
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found.iter().any(|v| v.starts_with("/id: ")), "{found:?}");
        assert!(found.iter().any(|v| v.starts_with("/limit: ") && v.contains("50")), "{found:?}");
        assert!(found.iter().any(|v| v.starts_with("(arguments): ") && v.contains("extra")), "{found:?}");
    }

    #[test]
    fn a_missing_argument_is_named() {
        assert_eq!(violations(json!({})), [r#"(arguments): "id" is a required property"#]);
    }

    #[test]
    fn every_choice_of_an_enumeration_is_named() {
        let schema =
            json!({ "type": "object", "properties": { "day": { "enum": ["Mon", "Tue", "Wed", "Thu", "Fri"] } } });
        let schema = ArgumentSchema::new(schema.try_into().unwrap()).ok().unwrap();
        let Value::Object(arguments) = json!({ "day": "Sat" }) else { unreachable!() };
        let violations = schema.check(arguments).err().unwrap();
        assert_eq!(violations[0].to_string(), r#"/day: the value is not one of ["Mon","Tue","Wed","Thu","Fri"]"#);
    }

    #[test]
    fn the_offending_value_is_not_repeated() {
        assert!(!violations(json!({ "id": "swordfish" }))[0].contains("swordfish"));
    }

    #[test]
    fn a_schema_that_is_not_of_an_object_is_refused() {
        assert!(ArgumentSchema::new(json!({ "type": "string" }).try_into().unwrap()).is_err());
        assert!(ArgumentSchema::new(json!(true).try_into().unwrap()).is_err());
    }
}
