//! The fields of a form, as MCP's elicitation has them: flat, and of primitive types.
//!
//! MCP 2026-07-28, Elicitation, Requested Schema; SEP-1034 (defaults) and SEP-1330 (choices with titles).

use serde_json::{Map, Value, json};

use super::secrets;
use crate::error::FormProblem;
use crate::operation::portable_schema::{remove_optional_nulls, replace_format};

/// The formats of texts that a form can have. The server checks all other formats; the client does not receive them.
const FORMATS: [&str; 4] = ["date", "date-time", "email", "uri"];
/// Keywords by which the schema of a form would be more than a list of fields.
const ALTERNATIVES: [&str; 8] = ["$ref", "allOf", "anyOf", "oneOf", "not", "if", "patternProperties", "enum"];

/// Converts the schema of a type, without references, into that of a form.
///
/// # Errors
///
/// The type is not a flat struct of primitive fields, or a field asks for a secret.
pub(super) fn form(mut schema: Map<String, Value>) -> Result<Map<String, Value>, FormProblem> {
    remove_optional_nulls(&mut schema);
    let has_fields_only = schema.get("type").and_then(Value::as_str) == Some("object")
        && !ALTERNATIVES.iter().any(|keyword| schema.contains_key(*keyword));
    if !has_fields_only {
        return Err(FormProblem::NotAStruct);
    }
    for keyword in ["additionalProperties", "unevaluatedProperties"] {
        if schema.get(keyword).is_some_and(|rest| *rest != Value::Bool(false)) {
            return Err(FormProblem::OpenFields);
        }
    }
    let mut fields = Map::new();
    for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let problem = || FormProblem::NotPrimitive(name.clone());
        let mut property = property.as_object().cloned().ok_or_else(problem)?;
        if let Some(evidence) = secrets::evidence(name, &property) {
            return Err(FormProblem::Secret { field: name.clone(), evidence });
        }
        replace_format(&mut property);
        fields.insert(name.clone(), field(&property).ok_or_else(problem)?.into());
    }
    let mut form = Map::from_iter([("type".to_owned(), json!("object")), ("properties".to_owned(), fields.into())]);
    form.extend(schema.remove_entry("required"));
    Ok(form)
}

/// Converts a property. Returns `None` if it is not of a primitive type.
fn field(property: &Map<String, Value>) -> Option<Map<String, Value>> {
    let mut field = Map::new();
    let kept: &[&str] = if let Some(choices) = Choices::of(property) {
        field = choices.into_field(property.get("enumNames"), "oneOf");
        &[]
    } else if ["enum", "const"].iter().chain(&ALTERNATIVES).any(|keyword| property.contains_key(*keyword)) {
        return None;
    } else {
        let kind = property.get("type")?.as_str()?;
        field.insert("type".to_owned(), kind.into());
        match kind {
            "boolean" => &[],
            "integer" | "number" => &["minimum", "maximum"],
            "string" => {
                let format = property.get("format").filter(|format| FORMATS.iter().any(|known| *format == known));
                field.extend(format.map(|format| ("format".to_owned(), format.clone())));
                &["minLength", "maxLength"]
            }
            "array" => {
                let choices = Choices::of(property.get("items")?.as_object()?)?;
                field.insert("items".to_owned(), choices.into_field(None, "anyOf").into());
                &["minItems", "maxItems"]
            }
            _ => return None,
        }
    };
    for keyword in ["title", "description", "default"].iter().chain(kept) {
        let value = property.get(*keyword).filter(|value| !value.is_null());
        field.extend(value.map(|value| ((*keyword).to_owned(), value.clone())));
    }
    Some(field)
}

/// The values of an enum without data.
struct Choices<'a>(Vec<Choice<'a>>);

struct Choice<'a> {
    value: &'a str,
    title: Option<String>,
}

impl<'a> Choices<'a> {
    /// Returns the choices, if a schema consists of nothing else.
    fn of(schema: &'a Map<String, Value>) -> Option<Self> {
        let mut choices = Vec::new();
        if let Some(values) = schema.get("enum") {
            for value in values.as_array()? {
                choices.push(Choice { value: value.as_str()?, title: None });
            }
        } else if let Some(value) = schema.get("const") {
            choices.push(Choice { value: value.as_str()?, title: title(schema) });
        } else {
            let branches = schema.get("oneOf").or_else(|| schema.get("anyOf"))?;
            for branch in branches.as_array()? {
                choices.extend(Self::of(branch.as_object()?)?.0);
            }
        }
        Some(Self(choices))
    }

    /// Returns the schema of a field. With titles, the choices are alternatives of the given keyword. `names` are the
    /// titles in the form of earlier revisions.
    fn into_field(self, names: Option<&Value>, keyword: &str) -> Map<String, Value> {
        let has_titles = self.0.iter().any(|choice| choice.title.is_some());
        let mut field = Map::new();
        // The items of a list with titles have no `type`.
        if !has_titles || keyword == "oneOf" {
            field.insert("type".to_owned(), json!("string"));
        }
        if has_titles {
            let choice = |choice: Choice<'_>| {
                let title = choice.title.unwrap_or_else(|| choice.value.to_owned());
                json!({ "const": choice.value, "title": title })
            };
            field.insert(keyword.to_owned(), self.0.into_iter().map(choice).collect());
        } else {
            field.insert("enum".to_owned(), self.0.into_iter().map(|choice| choice.value).collect());
            field.extend(names.map(|names| ("enumNames".to_owned(), names.clone())));
        }
        field
    }
}

/// Returns the title of a variant, or else its doc comment in one line.
fn title(schema: &Map<String, Value>) -> Option<String> {
    let text = schema.get("title").or_else(|| schema.get("description"))?.as_str()?;
    Some(text.split_whitespace().collect::<Vec<_>>().join(" "))
}
