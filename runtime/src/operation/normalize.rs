//! Rewriting arguments whose JSON says the same in another way, before they are validated.
//!
//! - JSON Schema counts `5.0` and `2.026e3` as integers, and deserializers of Rust's integers do not. A number where the
//!   schema has an integer becomes one.
//! - Many clients send `null` for an optional argument that they leave out. Such a member is removed.
//!
//! The published schema decides about both, so they work in structs, maps, flattened and untagged types alike.

use serde_json::{Map, Number, Value};

use super::{Violation, violation::MAX_VIOLATIONS};

/// Bound of the floats that are exact: from here on, a float is also the closest one to other integers, and those were
/// perhaps what the JSON said.
const FIRST_INEXACT: f64 = 9_007_199_254_740_992.0;

/// Returns whether arguments contain anything that [`normalize`] rewrites.
pub(super) fn is_needed(arguments: &Map<String, Value>) -> bool {
    fn is_rewritten(value: &Value) -> bool {
        match value {
            Value::Null => true,
            Value::Number(number) => integral_float(number).is_some(),
            Value::Array(values) => values.iter().any(is_rewritten),
            Value::Object(members) => is_needed(members),
            Value::Bool(_) | Value::String(_) => false,
        }
    }
    arguments.values().any(is_rewritten)
}

/// Rewrites arguments as the schema has them. Returns the integers that are not exact, which are left as they are.
pub(super) fn normalize(arguments: &mut Map<String, Value>, schema: &Map<String, Value>) -> Vec<Violation> {
    let mut normalizer = Normalizer { root: schema, violations: Vec::new() };
    normalizer.object(arguments, &normalizer.applicable([schema]));
    normalizer.violations
}

/// Returns a number that JSON writes with a fraction or an exponent, or with too many digits, if its value is integral.
fn integral_float(number: &Number) -> Option<f64> {
    if !number.is_f64() {
        return None;
    }
    number.as_f64().filter(|float| float.fract() == 0.0)
}

struct Normalizer<'a> {
    root: &'a Map<String, Value>,
    /// At most [`MAX_VIOLATIONS`], with pointers from the current value.
    violations: Vec<Violation>,
}

type Schemas<'a> = Vec<&'a Map<String, Value>>;

impl<'a> Normalizer<'a> {
    /// Returns these schemas, and those that they refer to or that are their alternatives.
    fn applicable(&self, schemas: impl IntoIterator<Item = &'a Map<String, Value>>) -> Schemas<'a> {
        let mut found = Vec::new();
        for schema in schemas {
            self.add(schema, &mut found);
        }
        found
    }

    fn add(&self, schema: &'a Map<String, Value>, found: &mut Schemas<'a>) {
        if found.iter().any(|known| std::ptr::eq(*known, schema)) {
            return;
        }
        found.push(schema);
        if let Some(referenced) = schema.get("$ref").and_then(Value::as_str).and_then(|to| self.resolve(to)) {
            self.add(referenced, found);
        }
        let alternatives = ["allOf", "anyOf", "oneOf"].iter().filter_map(|keyword| schema.get(*keyword)?.as_array());
        let conditional = ["if", "then", "else"].iter().filter_map(|keyword| schema.get(*keyword));
        for schema in alternatives.flatten().chain(conditional).filter_map(Value::as_object) {
            self.add(schema, found);
        }
    }

    fn resolve(&self, reference: &str) -> Option<&'a Map<String, Value>> {
        let mut schema = self.root;
        for name in reference.strip_prefix('#')?.split('/').skip(1) {
            schema = schema.get(&name.replace("~1", "/").replace("~0", "~"))?.as_object()?;
        }
        Some(schema)
    }

    fn value(&mut self, value: &mut Value, schemas: &Schemas<'a>) {
        match value {
            Value::Number(number) => self.number(number, schemas),
            Value::Array(items) => {
                let prefix = |schema: &&'a Map<String, Value>| schema.get("prefixItems").and_then(Value::as_array);
                let prefixes: Vec<_> = schemas.iter().filter_map(prefix).collect();
                let rest = self.applicable(schemas.iter().filter_map(|schema| schema.get("items")?.as_object()));
                for (i, item) in items.iter_mut().enumerate() {
                    let of_prefix = prefixes.iter().filter_map(|prefix| prefix.get(i)?.as_object());
                    let schemas = if prefixes.iter().any(|prefix| i < prefix.len()) {
                        &self.applicable(of_prefix.chain(rest.iter().copied()))
                    } else {
                        &rest
                    };
                    let before = self.violations.len();
                    self.value(item, schemas);
                    self.prepend(before, &i);
                }
            }
            Value::Object(members) => self.object(members, schemas),
            Value::Null | Value::Bool(_) | Value::String(_) => {}
        }
    }

    fn object(&mut self, members: &mut Map<String, Value>, schemas: &Schemas<'a>) {
        members.retain(|name, value| !value.is_null() || !self.means_absent(name, schemas));
        for (name, value) in members {
            let schemas = self.applicable(schemas.iter().flat_map(|schema| of_member(schema, name)));
            let before = self.violations.len();
            self.value(value, &schemas);
            self.prepend(before, name);
        }
    }

    /// Returns whether a `null` member counts as absent: it is an optional property that cannot be `null`.
    fn means_absent(&self, name: &str, schemas: &Schemas<'a>) -> bool {
        let is_required = |schema: &&Map<String, Value>| {
            schema.get("required").and_then(Value::as_array).is_some_and(|all| all.iter().any(|one| one == name))
        };
        let properties: Vec<_> =
            schemas.iter().filter_map(|schema| schema.get("properties")?.get(name)?.as_object()).collect();
        !properties.is_empty()
            && !schemas.iter().any(is_required)
            && !self.applicable(properties).into_iter().any(|schema| accepts(schema, "null", Value::is_null))
    }

    fn number(&mut self, number: &mut Number, schemas: &Schemas<'a>) {
        let Some(float) = integral_float(number) else { return };
        let is_same = |value: &Value| value.is_i64() && value.as_f64() == Some(float);
        if !schemas.iter().any(|schema| is_constrained(schema) && accepts(schema, "integer", is_same)) {
            return;
        }
        if float.abs() < FIRST_INEXACT {
            #[allow(clippy::cast_possible_truncation, reason = "the float is an integer of at most 53 bits")]
            let integer = float as i64;
            *number = integer.into();
        } else if self.violations.len() < MAX_VIOLATIONS
            && !schemas.iter().any(|schema| accepts(schema, "number", Value::is_f64))
        {
            self.violations.push(Violation {
                pointer: String::new(),
                message: "the integer is too large, or not exact: write it without a fraction or an exponent"
                    .to_owned(),
            });
        }
    }

    /// Prepends a member or an item to the pointers of the violations in it.
    fn prepend(&mut self, first: usize, token: &impl ToString) {
        for violation in &mut self.violations[first..] {
            let mut pointer = String::new();
            push_token(&mut pointer, &token.to_string());
            pointer.push_str(&violation.pointer);
            violation.pointer = pointer;
        }
    }
}

/// Appends a reference token to a JSON pointer (RFC 6901, section 3).
pub(super) fn push_token(pointer: &mut String, token: &str) {
    pointer.push('/');
    pointer.push_str(&token.replace('~', "~0").replace('/', "~1"));
}

/// Returns the schemas of a member of an object.
fn of_member<'a>(schema: &'a Map<String, Value>, name: &str) -> impl Iterator<Item = &'a Map<String, Value>> {
    let property = schema.get("properties").and_then(|properties| properties.get(name));
    let patterns = schema.get("patternProperties").and_then(Value::as_object).into_iter().flat_map(Map::values);
    let additional = if property.is_none() { schema.get("additionalProperties") } else { None };
    property.into_iter().chain(patterns).chain(additional).filter_map(Value::as_object)
}

/// Returns whether a schema names a type or values. Other schemas accept everything, or leave it to their parts.
fn is_constrained(schema: &Map<String, Value>) -> bool {
    ["type", "enum", "const"].iter().any(|keyword| schema.contains_key(*keyword))
}

/// Returns whether a schema, regardless of the schemas that it refers to, accepts values of a type.
fn accepts(schema: &Map<String, Value>, name: &str, is_value: impl Fn(&Value) -> bool) -> bool {
    if !is_constrained(schema) {
        return !["$ref", "allOf", "anyOf", "oneOf"].iter().any(|keyword| schema.contains_key(*keyword));
    }
    if let Some(Value::Array(values)) = schema.get("enum") {
        return values.iter().any(is_value);
    }
    if let Some(value) = schema.get("const") {
        return is_value(value);
    }
    match schema.get("type") {
        Some(Value::String(only)) => only == name,
        Some(Value::Array(names)) => names.iter().any(|one| one == name),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
