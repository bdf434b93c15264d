//! The arguments of a tool: their schema, and holding a call's arguments against it.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use jsonschema::{Validator, error::ValidationErrorKind};
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{ToolError, plain_schema};

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
    schema: Arc<Map<String, Value>>,
    /// Compiled by the first call, if it is certain to succeed: it is most of what a tool costs at the start.
    validator: OnceLock<Result<Validator, String>>,
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
        if schema.get("type").and_then(Value::as_str) != Some("object") {
            return Err("the schema of its arguments is not of `\"type\": \"object\"`".to_owned());
        }
        schema.entry("properties").or_insert_with(|| json!({}));
        let validator = if plain_schema::is_plain(&schema) {
            debug_assert!(compile(&schema).is_ok(), "it does not compile: {schema:?}");
            OnceLock::new()
        } else {
            OnceLock::from(Ok(compile(&schema)?))
        };
        Ok(Self { schema: Arc::new(schema), validator })
    }

    pub(crate) fn schema(&self) -> &Arc<Map<String, Value>> {
        &self.schema
    }

    /// # Errors
    ///
    /// Everything that does not fit, each with where it is.
    pub(crate) fn check(&self, arguments: Map<String, Value>) -> Result<Arguments, ToolError> {
        let validator = self.validator.get_or_init(|| compile(&self.schema)).as_ref();
        // Arguments that cannot be checked are not let through.
        let validator = validator.map_err(|problem| ToolError::masked(problem.clone()))?;
        let value = Value::Object(arguments);
        if !validator.is_valid(&value) {
            let violations = validator.iter_errors(&value).take(MAX_VIOLATIONS);
            return Err(ToolError::invalid_arguments(violations.map(|e| Violation::new(&e)).collect()));
        }
        let Value::Object(arguments) = value else { unreachable!("it was made from an object above") };
        Ok(Arguments(arguments))
    }
}

/// # Errors
///
/// A sentence that says why the schema is not valid.
pub(super) fn compile(schema: &Map<String, Value>) -> Result<Validator, String> {
    jsonschema::options()
        .should_validate_formats(true)
        .offline()
        .build(&Value::Object(schema.clone()))
        .map_err(|error| format!("the schema of its arguments is not valid: {error}"))
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
    use crate::tool::error::Failure;

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
        found(&schema(), arguments).iter().map(ToString::to_string).collect()
    }

    fn found(schema: &ArgumentSchema, arguments: Map<String, Value>) -> Vec<Violation> {
        match schema.check(arguments).map_err(ToolError::into_failure) {
            Ok(_) => Vec::new(),
            Err(Failure::InvalidArguments(violations)) => violations,
            Err(failure) => panic!("{failure:?}"),
        }
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
        let violations = found(&schema, arguments);
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

    fn new(schema: Value) -> Result<ArgumentSchema, String> {
        ArgumentSchema::new(schema.try_into().unwrap())
    }

    #[test]
    fn a_plain_schema_is_compiled_by_the_first_call() {
        let schema = new(json!({ "type": "object", "properties": { "limit": { "maximum": 50 } } })).ok().unwrap();
        assert!(schema.validator.get().is_none());
        let Value::Object(arguments) = json!({ "limit": 99 }) else { unreachable!() };
        assert_eq!(found(&schema, arguments).len(), 1);
        assert!(schema.validator.get().is_some());
    }

    #[test]
    fn a_schema_that_could_be_wrong_is_compiled_at_once() {
        let schema = new(json!({ "type": "object", "properties": { "id": { "pattern": "^emp_" } } })).ok().unwrap();
        assert!(schema.validator.get().is_some());
    }

    #[test]
    fn a_schema_that_is_not_valid_is_refused_at_once() {
        for (schema, why) in [
            (json!({ "type": 7 }), "7 is not valid under any of the schemas listed in the 'anyOf' keyword"),
            (json!({ "pattern": "(" }), "\"(\" is not a \"regex\""),
            (json!({ "$ref": "#/$defs/nobody" }), "Pointer '/$defs/nobody' does not exist"),
        ] {
            let problem = new(json!({ "type": "object", "properties": { "a": schema } })).err().unwrap();
            assert_eq!(problem, format!("the schema of its arguments is not valid: {why}"));
        }
    }

    #[test]
    fn arguments_that_cannot_be_checked_are_not_let_through() {
        let Value::Object(schema) = json!({ "type": 7 }) else { unreachable!() };
        let schema = ArgumentSchema { schema: Arc::new(schema), validator: OnceLock::new() };
        for _ in 0..2 {
            let failure = schema.check(Map::new()).unwrap_err().into_failure();
            assert!(matches!(failure, Failure::Masked(_)), "{failure:?}");
        }
    }
}
