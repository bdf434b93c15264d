//! The arguments of a tool: their JSON Schema, and the validation of a call's arguments.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use jsonschema::{Validator, error::ValidationErrorKind};
use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{ToolError, simple_schema};
use crate::error::ToolProblem;

/// Maximum number of violations in a result, which bounds the size of the result.
const MAX_VIOLATIONS: usize = 20;

/// Input schema of a tool and the validator compiled from it: the published schema is the enforced one.
pub(crate) struct ArgumentSchema {
    schema: Arc<Map<String, Value>>,
    /// Compiled by the first call if the schema is certain to compile, because compiling dominates the cost of a tool at
    /// start-up.
    validator: OnceLock<Result<Validator, ToolProblem>>,
}

impl ArgumentSchema {
    /// # Errors
    ///
    /// The schema does not describe an object or cannot be compiled.
    pub(crate) fn new(schema: schemars::Schema) -> Result<Self, ToolProblem> {
        let Value::Object(mut schema) = schema.to_value() else {
            return Err(ToolProblem::ArgumentsNotAnObject);
        };
        schema.remove("title");
        schema.remove("description");
        if schema.get("type").and_then(Value::as_str) != Some("object") {
            return Err(ToolProblem::ArgumentsNotAnObject);
        }
        schema.entry("properties").or_insert_with(|| json!({}));
        let validator = if simple_schema::is_simple(&schema) {
            debug_assert!(compile(&schema).is_ok(), "the schema does not compile: {schema:?}");
            OnceLock::new()
        } else {
            OnceLock::from(Ok(compile(&schema)?))
        };
        Ok(Self { schema: Arc::new(schema), validator })
    }

    /// Returns a generator for the schemas of deserialized types. It inlines a type that is used once, which models read
    /// best.
    pub(crate) fn generator() -> SchemaGenerator {
        SchemaSettings::draft2020_12().into_generator()
    }

    pub(crate) fn schema(&self) -> &Arc<Map<String, Value>> {
        &self.schema
    }

    /// Validates the arguments of a call, and returns them.
    ///
    /// # Errors
    ///
    /// Every violation with its JSON pointer, up to a maximum.
    pub(crate) fn check(&self, arguments: Map<String, Value>) -> Result<Map<String, Value>, ToolError> {
        let validator = self.validator.get_or_init(|| compile(&self.schema)).as_ref();
        // Fail closed: arguments that cannot be validated are rejected.
        let validator = validator.map_err(|problem| ToolError::masked(problem.to_string()))?;
        let value = Value::Object(arguments);
        if !validator.is_valid(&value) {
            let violations = validator.iter_errors(&value).take(MAX_VIOLATIONS);
            return Err(ToolError::invalid_arguments(violations.map(|e| Violation::new(&e)).collect()));
        }
        let Value::Object(arguments) = value else { unreachable!("it was made from an object above") };
        Ok(arguments)
    }
}

/// Compiles a schema.
///
/// # Errors
///
/// The schema is not valid.
pub(super) fn compile(schema: &Map<String, Value>) -> Result<Validator, ToolProblem> {
    jsonschema::options()
        .should_validate_formats(true)
        .offline()
        .build(&Value::Object(schema.clone()))
        .map_err(|error| ToolProblem::InvalidInputSchema(error.to_string()))
}

/// A violation of the input schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    /// JSON pointer (RFC 6901) to the invalid value; empty for the arguments as a whole.
    pub(crate) pointer: String,
    /// Description of the violation.
    pub(crate) message: String,
}

impl Violation {
    /// Converts an error of the validator. The message omits the invalid value, which must not reach a log.
    fn new(error: &jsonschema::ValidationError<'_>) -> Self {
        let message = match error.kind() {
            // The default message shortens the list of choices; a model needs all of them.
            ValidationErrorKind::Enum { options } => format!("the value is not one of {options}"),
            _ => error.masked_with("the value").to_string(),
        };
        Self { pointer: error.instance_path().to_string(), message }
    }

    pub(crate) fn of_arguments(message: impl Into<String>) -> Self {
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
    use crate::tool::Failure;

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
        violations_of(&schema(), arguments).iter().map(ToString::to_string).collect()
    }

    fn violations_of(schema: &ArgumentSchema, arguments: Map<String, Value>) -> Vec<Violation> {
        match schema.check(arguments).map_err(ToolError::into_failure) {
            Ok(_) => Vec::new(),
            Err(Failure::InvalidArguments(violations)) => violations,
            Err(failure) => panic!("{failure:?}"),
        }
    }

    #[test]
    fn t3_every_violation_is_reported_with_its_pointer() {
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
    fn a_violation_names_every_choice_of_an_enumeration() {
        let schema =
            json!({ "type": "object", "properties": { "day": { "enum": ["Mon", "Tue", "Wed", "Thu", "Fri"] } } });
        let schema = ArgumentSchema::new(schema.try_into().unwrap()).ok().unwrap();
        let Value::Object(arguments) = json!({ "day": "Sat" }) else { unreachable!() };
        let violations = violations_of(&schema, arguments);
        assert_eq!(violations[0].to_string(), r#"/day: the value is not one of ["Mon","Tue","Wed","Thu","Fri"]"#);
    }

    #[test]
    fn a_violation_omits_the_invalid_value() {
        assert!(!violations(json!({ "id": "swordfish" }))[0].contains("swordfish"));
    }

    #[test]
    fn a_schema_that_does_not_describe_an_object_is_rejected() {
        assert!(ArgumentSchema::new(json!({ "type": "string" }).try_into().unwrap()).is_err());
        assert!(ArgumentSchema::new(json!(true).try_into().unwrap()).is_err());
    }

    fn argument_schema(schema: Value) -> Result<ArgumentSchema, ToolProblem> {
        ArgumentSchema::new(schema.try_into().unwrap())
    }

    #[test]
    fn a_simple_schema_is_compiled_by_the_first_call() {
        let schema =
            argument_schema(json!({ "type": "object", "properties": { "limit": { "maximum": 50 } } })).ok().unwrap();
        assert!(schema.validator.get().is_none());
        let Value::Object(arguments) = json!({ "limit": 99 }) else { unreachable!() };
        assert_eq!(violations_of(&schema, arguments).len(), 1);
        assert!(schema.validator.get().is_some());
    }

    #[test]
    fn a_schema_that_may_be_invalid_is_compiled_at_registration() {
        let schema = argument_schema(json!({ "type": "object", "properties": { "id": { "pattern": "^emp_" } } }))
            .ok()
            .unwrap();
        assert!(schema.validator.get().is_some());
    }

    #[test]
    fn an_invalid_schema_is_rejected_at_registration() {
        for (schema, why) in [
            (json!({ "type": 7 }), "7 is not valid under any of the schemas listed in the 'anyOf' keyword"),
            (json!({ "pattern": "(" }), "\"(\" is not a \"regex\""),
            (json!({ "$ref": "#/$defs/nobody" }), "Pointer '/$defs/nobody' does not exist"),
        ] {
            let problem = argument_schema(json!({ "type": "object", "properties": { "a": schema } })).err().unwrap();
            assert_eq!(problem, ToolProblem::InvalidInputSchema(why.to_owned()));
        }
    }

    #[test]
    fn arguments_that_cannot_be_validated_are_rejected() {
        let Value::Object(schema) = json!({ "type": 7 }) else { unreachable!() };
        let schema = ArgumentSchema { schema: Arc::new(schema), validator: OnceLock::new() };
        for _ in 0..2 {
            let failure = schema.check(Map::new()).unwrap_err().into_failure();
            assert!(matches!(failure, Failure::Masked(_)), "{failure:?}");
        }
    }
}
