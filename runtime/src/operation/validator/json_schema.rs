//! Validation by JSON Schema 2020-12, with the crate `jsonschema`.

use jsonschema::{
    ValidationError,
    error::{TypeKind, ValidationErrorKind},
};
use serde_json::{Map, Value};

use crate::{
    error::OperationProblem,
    operation::{
        ToolError,
        violation::{MAX_VIOLATIONS, Violation, choices},
    },
};

/// Validator of one schema.
pub(crate) struct Validator(jsonschema::Validator);

impl Validator {
    /// Compiles a schema.
    ///
    /// # Errors
    ///
    /// The schema is not valid.
    pub(crate) fn new(schema: &Map<String, Value>) -> Result<Self, OperationProblem> {
        jsonschema::options()
            .should_validate_formats(true)
            .offline()
            .build(&Value::Object(schema.clone()))
            .map(Self)
            .map_err(|error| OperationProblem::InvalidInputSchema(error.to_string()))
    }

    pub(crate) fn is_valid(&self, value: &Value) -> bool {
        self.0.is_valid(value)
    }

    /// Returns violations of the schema: those of the first errors, up to a maximum.
    pub(crate) fn violations(&self, value: &Value) -> Vec<Violation> {
        let mut found = Vec::new();
        for error in self.0.iter_errors(value).take(MAX_VIOLATIONS) {
            describe(&error, &mut found);
        }
        found
    }
}

/// Validator of the results of a tool in debug builds, which detects a `Serialize` that disagrees with its `JsonSchema`. A
/// release build trusts the type.
pub(crate) struct ResultValidator(jsonschema::Validator);

impl ResultValidator {
    /// Compiles a schema in a debug build.
    ///
    /// # Errors
    ///
    /// The schema is not valid.
    pub(crate) fn new(schema: &Map<String, Value>) -> Result<Option<Self>, OperationProblem> {
        if cfg!(not(debug_assertions)) {
            return Ok(None);
        }
        let validator = jsonschema::options().offline().build(&Value::Object(schema.clone()));
        validator
            .map(|validator| Some(Self(validator)))
            .map_err(|error| OperationProblem::InvalidOutputSchema(error.to_string()))
    }

    pub(crate) fn check(&self, content: &Value) -> Result<(), ToolError> {
        self.0.validate(content).map_err(|error| {
            ToolError::masked(format!(
                "the result violates the output schema, because `Serialize` and `JsonSchema` of its type disagree at \
                 {:?}: {}",
                error.instance_path().to_string(),
                error.masked()
            ))
        })
    }
}

/// Describes an error of the validator. Of alternatives, the errors of the one that was meant are described, if the value
/// says which.
fn describe(error: &ValidationError<'_>, found: &mut Vec<Violation>) {
    match error.kind() {
        // The default message shortens the list.
        ValidationErrorKind::Enum { options } => found.push(violation(error, choices(values(options)))),
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            describe_alternatives(error, context, found);
        }
        _ => found.push(violation(error, error.masked_with("the value").to_string())),
    }
}

fn violation(error: &ValidationError<'_>, message: String) -> Violation {
    Violation { pointer: error.instance_path().to_string(), message }
}

fn values(options: &Value) -> &[Value] {
    options.as_array().map_or_else(|| std::slice::from_ref(options), Vec::as_slice)
}

type Errors = [ValidationError<'static>];

fn describe_alternatives(
    error: &ValidationError<'_>,
    alternatives: &[Vec<ValidationError<'static>>],
    found: &mut Vec<Violation>,
) {
    let place = error.instance_path().as_str();
    // An alternative of another type was not meant.
    let same_type: Vec<&Errors> =
        alternatives.iter().map(Vec::as_slice).filter(|errors| !errors.iter().any(|e| is_type(e, place))).collect();
    if same_type.is_empty() {
        let types = alternatives.iter().flatten().filter(|e| is_type(e, place)).flat_map(expected_types);
        found.push(violation(error, format!("the value is not of type {}", either(types))));
        return;
    }
    // Nor was one with another tag, or one with another value.
    let is_choice = |e: &&ValidationError<'_>| is_parent(place, e.instance_path().as_str()) && options(e).is_some();
    let wrong_choices: Vec<_> = same_type.iter().filter_map(|errors| errors.iter().find(is_choice)).collect();
    if wrong_choices.len() == same_type.len()
        && wrong_choices.iter().all(|e| e.instance_path() == wrong_choices[0].instance_path())
    {
        let message = choices(wrong_choices.iter().filter_map(|e| options(e)).flatten());
        found.push(violation(wrong_choices[0], message));
        return;
    }
    let mut meant: Vec<&Errors> =
        same_type.into_iter().filter(|errors| !errors.iter().any(|e| is_choice(&e))).collect();
    // Nor was one that lacks a property, if another one has all of its properties.
    let missing = |errors: &&Errors| errors.iter().find_map(|e| missing_property(e, place)).cloned();
    let missing_properties: Vec<_> = meant.iter().filter_map(missing).collect();
    if meant.len() > 1 && missing_properties.len() == meant.len() {
        let message = format!("{} is a required property", either(missing_properties.iter().map(Value::to_string)));
        found.push(violation(error, message));
        return;
    }
    if meant.len() > 1 {
        meant.retain(|errors| missing(errors).is_none());
    }
    if let [only] = meant.as_slice() {
        only.iter().take(MAX_VIOLATIONS).for_each(|error| describe(error, found));
    } else {
        found.push(violation(error, "the value fits none of the alternatives that are accepted here".to_owned()));
    }
}

/// Joins texts as choices, each once.
fn either(texts: impl IntoIterator<Item = String>) -> String {
    let mut all: Vec<String> = Vec::new();
    for text in texts {
        if !all.contains(&text) {
            all.push(text);
        }
    }
    all.join(" or ")
}

fn expected_types(error: &ValidationError<'_>) -> Vec<String> {
    match error.kind() {
        ValidationErrorKind::Type { kind: TypeKind::Single(only) } => vec![format!("\"{only}\"")],
        ValidationErrorKind::Type { kind: TypeKind::Multiple(types) } => {
            types.iter().map(|one| format!("\"{one}\"")).collect()
        }
        _ => Vec::new(),
    }
}

fn is_type(error: &ValidationError<'_>, place: &str) -> bool {
    matches!(error.kind(), ValidationErrorKind::Type { .. }) && error.instance_path().as_str() == place
}

/// Returns whether a pointer is to a value, or to a member of it.
fn is_parent(parent: &str, child: &str) -> bool {
    child.strip_prefix(parent).is_some_and(|rest| rest.matches('/').count() <= 1)
}

fn options<'a>(error: &'a ValidationError<'_>) -> Option<&'a [Value]> {
    match error.kind() {
        ValidationErrorKind::Enum { options } => Some(values(options)),
        ValidationErrorKind::Constant { expected_value } => Some(std::slice::from_ref(expected_value.as_ref())),
        _ => None,
    }
}

fn missing_property<'a>(error: &'a ValidationError<'_>, place: &str) -> Option<&'a Value> {
    match error.kind() {
        ValidationErrorKind::Required { property } if error.instance_path().as_str() == place => Some(property),
        _ => None,
    }
}
