//! The arguments of an operation: their JSON Schema, and the validation of a call's arguments.

use std::sync::{Arc, OnceLock};

use schemars::{Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{
    Direction, ToolError, Violation, normalize, portable, simple_schema, validator::Validator,
    violation::MAX_VIOLATIONS, without_alternatives,
};
use crate::error::OperationProblem;

/// The input of an operation, as generated code describes it.
#[doc(hidden)]
#[derive(Debug)]
pub struct InputSchema {
    pub(crate) schema: Schema,
    /// The arguments that are deserialized one by one.
    pub(crate) parameters: Vec<ParameterCheck>,
}

/// Argument that is deserialized by itself.
#[derive(Clone, Debug)]
pub(crate) struct ParameterCheck {
    pub(crate) name: String,
    /// Deserializes the argument, for the violation only.
    pub(crate) check: fn(&str, Value) -> Result<(), Violation>,
}

/// Input schema of an operation and the validator compiled from it: the published schema is the enforced one, except
/// where an enum is flattened into the arguments.
pub(crate) struct ArgumentSchema {
    schema: Arc<Map<String, Value>>,
    /// The schema with the alternatives of a flattened enum, which clients do not accept in `schema`.
    enforced: Arc<Map<String, Value>>,
    parameters: Vec<ParameterCheck>,
    /// Compiled by the first call if the schema is certain to compile, because compiling dominates the cost of an
    /// operation at start-up.
    validator: OnceLock<Result<Validator, OperationProblem>>,
}

impl ArgumentSchema {
    /// # Errors
    ///
    /// The schema does not describe an object or cannot be compiled.
    pub(crate) fn new(input: InputSchema) -> Result<Self, OperationProblem> {
        let Value::Object(mut schema) = portable(input.schema, Direction::Input).to_value() else {
            return Err(OperationProblem::ArgumentsNotAnObject);
        };
        schema.remove("description");
        if schema.get("type").and_then(Value::as_str) != Some("object") {
            return Err(OperationProblem::ArgumentsNotAnObject);
        }
        schema.entry("properties").or_insert_with(|| json!({}));
        let validator = if cfg!(feature = "json-schema") && simple_schema::is_simple(&schema) {
            debug_assert!(Validator::new(&schema).is_ok(), "the schema does not compile: {schema:?}");
            OnceLock::new()
        } else {
            OnceLock::from(Ok(Validator::new(&schema)?))
        };
        let enforced = Arc::new(schema);
        let schema = without_alternatives(&enforced).map_or_else(|| Arc::clone(&enforced), Arc::new);
        Ok(Self { schema, enforced, parameters: input.parameters, validator })
    }

    /// Returns a schema that a mounted server publishes and enforces itself.
    pub(crate) fn published(schema: Arc<Map<String, Value>>) -> Self {
        Self { enforced: Arc::clone(&schema), schema, parameters: Vec::new(), validator: OnceLock::new() }
    }

    /// Returns a generator for the schemas of deserialized types. It inlines a type that is used once, which models read
    /// best.
    pub(crate) fn generator() -> SchemaGenerator {
        SchemaSettings::draft2020_12().into_generator()
    }

    /// The schema that is published.
    pub(crate) fn schema(&self) -> &Arc<Map<String, Value>> {
        &self.schema
    }

    pub(crate) fn parameters(&self) -> &[ParameterCheck] {
        &self.parameters
    }

    /// Validates the arguments of a call, and returns them as the schema has them: see [`normalize`](super::normalize).
    ///
    /// # Errors
    ///
    /// Every violation with its JSON pointer, up to a maximum.
    pub(crate) fn check(&self, mut arguments: Map<String, Value>) -> Result<Map<String, Value>, ToolError> {
        let validator = self.validator.get_or_init(|| Validator::new(&self.enforced)).as_ref();
        // Fail closed: arguments that cannot be validated are rejected.
        let validator = validator.map_err(|problem| ToolError::masked(problem.to_string()))?;
        let inexact = if normalize::is_needed(&arguments) {
            normalize::normalize(&mut arguments, &self.enforced)
        } else {
            Vec::new()
        };
        let value = Value::Object(arguments);
        if !inexact.is_empty() || !validator.is_valid(&value) {
            return Err(ToolError::invalid_arguments(violations(validator, &value, inexact)));
        }
        let Value::Object(arguments) = value else { unreachable!("it was made from an object above") };
        Ok(arguments)
    }
}

/// Returns every violation, up to a maximum.
fn violations(validator: &Validator, value: &Value, inexact: Vec<Violation>) -> Vec<Violation> {
    let mut found = validator.violations(value);
    // A number that is too large for its type has a more precise violation.
    let is_new = |violation: &Violation| !found.iter().any(|known| known.pointer == violation.pointer);
    let new: Vec<_> = inexact.into_iter().filter(is_new).collect();
    found.extend(new);
    found.truncate(MAX_VIOLATIONS);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::Failure;

    fn schema() -> ArgumentSchema {
        let schema = json!({
            "type": "object",
            "properties": { "id": { "type": "string", "pattern": "^emp_" }, "limit": { "type": "integer", "maximum": 50 } },
            "required": ["id"],
            "additionalProperties": false,
        });
        argument_schema(schema).ok().unwrap()
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
        let schema = argument_schema(schema).ok().unwrap();
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
        assert!(argument_schema(json!({ "type": "string" })).is_err());
        assert!(argument_schema(json!(true)).is_err());
    }

    fn argument_schema(schema: Value) -> Result<ArgumentSchema, OperationProblem> {
        ArgumentSchema::new(InputSchema { schema: schema.try_into().unwrap(), parameters: Vec::new() })
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
            assert_eq!(problem, OperationProblem::InvalidInputSchema(why.to_owned()));
        }
    }

    #[test]
    fn arguments_that_cannot_be_validated_are_rejected() {
        let Value::Object(schema) = json!({ "type": 7 }) else { unreachable!() };
        let schema = Arc::new(schema);
        let enforced = Arc::clone(&schema);
        let schema = ArgumentSchema { schema, enforced, parameters: Vec::new(), validator: OnceLock::new() };
        for _ in 0..2 {
            let failure = schema.check(Map::new()).unwrap_err().into_failure();
            assert!(matches!(failure, Failure::Masked(_)), "{failure:?}");
        }
    }
}
