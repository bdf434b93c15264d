//! Validation by a subset of JSON Schema 2020-12: the keywords that describe types of Rust.
//!
//! A schema with any other keyword is not compiled, so that no argument is checked less than its published schema says.

use std::cmp::Ordering;

use serde_json::{Map, Number, Value};

use crate::{
    error::OperationProblem,
    operation::{
        normalize::push_token,
        violation::{MAX_VIOLATIONS, Violation, choices},
    },
};

mod supported;

/// Place of definitions, which the supported references name.
const DEFINITIONS: &str = "#/$defs/";

/// Validator of one schema.
pub(crate) struct Validator(Map<String, Value>);

impl Validator {
    /// Compiles a schema.
    ///
    /// # Errors
    ///
    /// The schema is not valid, or has a keyword that needs the feature `json-schema`.
    pub(crate) fn new(schema: &Map<String, Value>) -> Result<Self, OperationProblem> {
        supported::check(schema)?;
        Ok(Self(schema.clone()))
    }

    pub(crate) fn is_valid(&self, value: &Value) -> bool {
        self.violations(value).is_empty()
    }

    /// Returns violations of the schema, up to a maximum.
    pub(crate) fn violations(&self, value: &Value) -> Vec<Violation> {
        let mut validation = Validation { root: &self.0, pointer: String::new(), found: Vec::new() };
        validation.object_schema(&self.0, value);
        validation.found.into_iter().map(|found| found.violation).collect()
    }
}

/// Validation of a value.
struct Validation<'a> {
    root: &'a Map<String, Value>,
    /// JSON pointer to the current value.
    pointer: String,
    /// At most [`MAX_VIOLATIONS`].
    found: Vec<Found>,
}

struct Found {
    violation: Violation,
    /// Whether the value has another type.
    is_type: bool,
}

impl<'a> Validation<'a> {
    fn schema(&mut self, schema: &'a Value, value: &Value) {
        match schema {
            Value::Object(schema) => self.object_schema(schema, value),
            Value::Bool(true) => {}
            _ => self.violated("there must be no value here"),
        }
    }

    fn object_schema(&mut self, schema: &'a Map<String, Value>, value: &Value) {
        for (keyword, expected) in schema {
            if self.found.len() >= MAX_VIOLATIONS {
                return;
            }
            match keyword.as_str() {
                "type" => self.type_of(expected, value),
                "enum" if !all(expected).any(|option| is_equal(option, value)) => {
                    self.violated(choices(all(expected)));
                }
                "const" if !is_equal(expected, value) => self.violated(choices([expected])),
                "$ref" => {
                    let definition = expected.as_str().and_then(|reference| definition(self.root, reference));
                    match definition {
                        Some(definition) => self.schema(definition, value),
                        None => self.violated("the schema of the value does not exist"),
                    }
                }
                "allOf" => all(expected).for_each(|schema| self.schema(schema, value)),
                "anyOf" => self.alternatives(expected, value, |valid| valid > 0),
                "oneOf" => self.alternatives(expected, value, |valid| valid == 1),
                "minimum" => self.bound(expected, value, "less than the minimum of", Ordering::is_ge),
                "maximum" => self.bound(expected, value, "greater than the maximum of", Ordering::is_le),
                "exclusiveMinimum" => self.bound(expected, value, "not greater than", Ordering::is_gt),
                "exclusiveMaximum" => self.bound(expected, value, "not less than", Ordering::is_lt),
                "minLength" => self.length(expected, text_length(value), "characters", Ordering::is_ge),
                "maxLength" => self.length(expected, text_length(value), "characters", Ordering::is_le),
                "minItems" => self.length(expected, value.as_array().map(Vec::len), "items", Ordering::is_ge),
                "maxItems" => self.length(expected, value.as_array().map(Vec::len), "items", Ordering::is_le),
                _ => {}
            }
        }
        match value {
            Value::Object(members) => self.members(schema, members),
            Value::Array(items) => self.items(schema, items),
            _ => {}
        }
    }

    fn type_of(&mut self, expected: &Value, value: &Value) {
        let has_type = |name: &Value| match (name.as_str(), value) {
            (Some("null"), Value::Null)
            | (Some("boolean"), Value::Bool(_))
            | (Some("string"), Value::String(_))
            | (Some("array"), Value::Array(_))
            | (Some("object"), Value::Object(_))
            | (Some("number"), Value::Number(_)) => true,
            (Some("integer"), Value::Number(number)) => {
                !number.is_f64() || number.as_f64().is_some_and(|float| float.fract() == 0.0)
            }
            _ => false,
        };
        let is_valid = if expected.is_array() { all(expected).any(has_type) } else { has_type(expected) };
        if !is_valid {
            let names = if expected.is_array() {
                all(expected).map(Value::to_string).collect()
            } else {
                vec![expected.to_string()]
            };
            self.push(format!("the value is not of type {}", names.join(" or ")), true);
        }
    }

    /// Validates by each alternative. `is_enough` decides by the number of those that the value satisfies.
    fn alternatives(&mut self, alternatives: &'a Value, value: &Value, is_enough: fn(usize) -> bool) {
        let mut of_alternatives = Vec::new();
        for alternative in all(alternatives) {
            let mut alone =
                Validation { root: self.root, pointer: std::mem::take(&mut self.pointer), found: Vec::new() };
            alone.schema(alternative, value);
            self.pointer = alone.pointer;
            of_alternatives.push(alone.found);
        }
        let valid = of_alternatives.iter().filter(|found| found.is_empty()).count();
        if is_enough(valid) {
            return;
        }
        // An alternative of another type was not meant.
        let pointer = &self.pointer;
        let has_other_type = |found: &Found| found.is_type && found.violation.pointer == *pointer;
        let mut meant = of_alternatives.into_iter().filter(|found| !found.iter().any(has_other_type));
        match (meant.next(), meant.next()) {
            (Some(only), None) if !only.is_empty() => {
                self.found.extend(only);
                self.found.truncate(MAX_VIOLATIONS);
            }
            _ => self.violated("the value fits none of the alternatives that are accepted here"),
        }
    }

    fn bound(&mut self, bound: &Value, value: &Value, relation: &str, holds: fn(Ordering) -> bool) {
        if let (Value::Number(bound), Value::Number(number)) = (bound, value)
            && !compare(number, bound).is_some_and(holds)
        {
            self.violated(format!("the value is {relation} {bound}"));
        }
    }

    fn length(&mut self, bound: &Value, length: Option<usize>, unit: &str, holds: fn(Ordering) -> bool) {
        let (Some(bound), Some(length)) = (bound.as_u64(), length) else { return };
        if !holds((length as u64).cmp(&bound)) {
            let relation = if length as u64 > bound { "more" } else { "less" };
            self.violated(format!("the value has {relation} than {bound} {unit}"));
        }
    }

    fn members(&mut self, schema: &'a Map<String, Value>, members: &Map<String, Value>) {
        for name in schema.get("required").into_iter().flat_map(all).filter_map(Value::as_str) {
            if !members.contains_key(name) {
                self.violated(format!("{name:?} is a required property"));
            }
        }
        let properties = schema.get("properties").and_then(Value::as_object);
        let additional = schema.get("additionalProperties");
        for (name, value) in members {
            match properties.and_then(|properties| properties.get(name)) {
                Some(property) => self.inside(name, property, value),
                None if additional == Some(&Value::Bool(false)) => {
                    self.violated(format!("{name:?} is not one of the properties"));
                }
                None => additional.into_iter().for_each(|schema| self.inside(name, schema, value)),
            }
        }
    }

    fn items(&mut self, schema: &'a Map<String, Value>, items: &[Value]) {
        let prefix = schema.get("prefixItems").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        for (i, item) in items.iter().enumerate() {
            if let Some(schema) = prefix.get(i).or_else(|| schema.get("items")) {
                self.inside(&i.to_string(), schema, item);
            }
        }
    }

    /// Validates a member or an item.
    fn inside(&mut self, token: &str, schema: &'a Value, value: &Value) {
        if self.found.len() >= MAX_VIOLATIONS {
            return;
        }
        let length = self.pointer.len();
        push_token(&mut self.pointer, token);
        self.schema(schema, value);
        self.pointer.truncate(length);
    }

    fn violated(&mut self, message: impl Into<String>) {
        self.push(message.into(), false);
    }

    fn push(&mut self, message: String, is_type: bool) {
        if self.found.len() < MAX_VIOLATIONS {
            self.found.push(Found { violation: Violation { pointer: self.pointer.clone(), message }, is_type });
        }
    }
}

fn all(array: &Value) -> impl Iterator<Item = &Value> {
    array.as_array().into_iter().flatten()
}

/// Returns the schema that a reference names.
fn definition<'a>(root: &'a Map<String, Value>, reference: &str) -> Option<&'a Value> {
    root.get("$defs")?.get(reference.strip_prefix(DEFINITIONS)?)
}

/// Number of characters, as JSON Schema counts them: Unicode code points.
fn text_length(value: &Value) -> Option<usize> {
    value.as_str().map(|text| text.chars().count())
}

/// Returns whether two values that are no arrays and no objects are equal. `1` and `1.0` are.
fn is_equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => compare(a, b) == Some(Ordering::Equal),
        _ => a == b,
    }
}

/// Compares two numbers without rounding them.
fn compare(a: &Number, b: &Number) -> Option<Ordering> {
    match (integer(a), integer(b)) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        // One of them has a fraction, so that it is small, or is larger than every integer of JSON.
        _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}

fn integer(number: &Number) -> Option<i128> {
    if !number.is_f64() {
        return number.as_i128();
    }
    // Floats of this size are exact in 128 bits.
    #[allow(clippy::cast_possible_truncation, reason = "the float is an integer below 2^100")]
    number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < 2_f64.powi(100)).map(|float| float as i128)
}

#[cfg(test)]
mod tests;
