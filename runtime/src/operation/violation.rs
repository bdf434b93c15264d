//! Violations of the input schema, and the sentences about them.

use std::fmt;

use jsonschema::{
    ValidationError,
    error::{TypeKind, ValidationErrorKind},
};
use serde_json::Value;

/// Maximum number of violations in a result, which bounds the size of the result.
pub(super) const MAX_VIOLATIONS: usize = 20;

/// A violation of the input schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    /// JSON pointer (RFC 6901) to the invalid value; empty for the arguments as a whole.
    pub(crate) pointer: String,
    /// Description of the violation. It omits the invalid value, which must not reach a log.
    pub(crate) message: String,
}

impl Violation {
    fn new(error: &ValidationError<'_>, message: String) -> Self {
        Self { pointer: error.instance_path().to_string(), message }
    }

    /// Describes an error of the validator. Of alternatives, the errors of the one that was meant are described, if the
    /// value says which.
    pub(super) fn describe(error: &ValidationError<'_>, found: &mut Vec<Self>) {
        match error.kind() {
            ValidationErrorKind::Enum { options } => found.push(Self::new(error, choices(values(options)))),
            ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
                describe_alternatives(error, context, found);
            }
            _ => found.push(Self::new(error, error.masked_with("the value").to_string())),
        }
    }
}

fn values(options: &Value) -> &[Value] {
    options.as_array().map_or_else(|| std::slice::from_ref(options), Vec::as_slice)
}

/// The default message shortens the list of choices; a model needs all of them.
fn choices<'a>(options: impl IntoIterator<Item = &'a Value>) -> String {
    let mut texts: Vec<String> = Vec::new();
    for text in options.into_iter().map(Value::to_string) {
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    format!("the value is not one of [{}]", texts.join(","))
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
        found.push(Violation::new(error, format!("the value is not of type {}", either(types))));
        return;
    }
    // Nor was one with another tag, or one with another value.
    let is_choice = |e: &&ValidationError<'_>| is_parent(place, e.instance_path().as_str()) && options(e).is_some();
    let wrong_choices: Vec<_> = same_type.iter().filter_map(|errors| errors.iter().find(is_choice)).collect();
    if wrong_choices.len() == same_type.len()
        && wrong_choices.iter().all(|e| e.instance_path() == wrong_choices[0].instance_path())
    {
        let message = choices(wrong_choices.iter().filter_map(|e| options(e)).flatten());
        found.push(Violation::new(wrong_choices[0], message));
        return;
    }
    let mut meant: Vec<&Errors> =
        same_type.into_iter().filter(|errors| !errors.iter().any(|e| is_choice(&e))).collect();
    // Nor was one that lacks a property, if another one has all of its properties.
    let missing = |errors: &&Errors| errors.iter().find_map(|e| missing_property(e, place)).cloned();
    let missing_properties: Vec<_> = meant.iter().filter_map(missing).collect();
    if meant.len() > 1 && missing_properties.len() == meant.len() {
        let message = format!("{} is a required property", either(missing_properties.iter().map(Value::to_string)));
        found.push(Violation::new(error, message));
        return;
    }
    if meant.len() > 1 {
        meant.retain(|errors| missing(errors).is_none());
    }
    if let [only] = meant.as_slice() {
        only.iter().take(MAX_VIOLATIONS).for_each(|error| Violation::describe(error, found));
    } else {
        found
            .push(Violation::new(error, "the value fits none of the alternatives that are accepted here".to_owned()));
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

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pointer.is_empty() {
            write!(f, "(arguments): {}", self.message)
        } else {
            write!(f, "{}: {}", self.pointer, self.message)
        }
    }
}
