//! Arguments that the protocol sends as text: those of prompts, and the variables of URI templates.

use serde_json::{Map, Value};

/// Converts each text to the type that the schema has for it. A text that is not of that type stays a text, so that the
/// validation against the schema reports it.
///
/// A text is a number or a boolean exactly if it is one in JSON: `5` and `true`, but not `05` or `yes`.
pub(crate) fn from_text(arguments: &mut Map<String, Value>, schema: &Map<String, Value>) {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
    for (name, value) in arguments {
        let Value::String(text) = &*value else { continue };
        let types = properties.get(name).map(types).unwrap_or_default();
        if types.contains(&"string") {
            continue;
        }
        let is_of_type = |parsed: &Value| match parsed {
            Value::Number(_) => types.iter().any(|ty| ["integer", "number"].contains(ty)),
            Value::Bool(_) => types.contains(&"boolean"),
            _ => false,
        };
        // JSON allows white space around a value.
        let has_white_space = text.contains(|c: char| c.is_ascii_whitespace());
        if let Some(parsed) = serde_json::from_str(text).ok().filter(|parsed| !has_white_space && is_of_type(parsed))
        {
            *value = parsed;
        }
    }
}

/// Returns the first argument that no text can be, because its schema allows only arrays and objects.
pub(crate) fn argument_without_texts(schema: &Map<String, Value>) -> Option<&str> {
    let properties = schema.get("properties").and_then(Value::as_object)?;
    properties.iter().find(|(_, schema)| !allows_texts(schema)).map(|(name, _)| name.as_str())
}

fn allows_texts(schema: &Value) -> bool {
    let types = types(schema);
    if !types.is_empty() {
        return types.iter().any(|ty| ["string", "integer", "number", "boolean"].contains(ty));
    }
    let alternatives = ["oneOf", "anyOf"].iter().find_map(|key| schema.get(key)).and_then(Value::as_array);
    match alternatives {
        Some(alternatives) => alternatives.iter().any(allows_texts),
        // Only recursive types have references, and these have objects or arrays.
        None => schema.get("$ref").is_none(),
    }
}

/// Returns the types that a schema names.
fn types(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(ty)) => vec![ty],
        Some(Value::Array(types)) => types.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_text_becomes_a_number_or_a_boolean_only_where_the_schema_has_one() {
        let schema = json!({ "properties": {
            "text": { "type": "string" }, "count": { "type": "integer" }, "ratio": { "type": "number" },
            "flag": { "type": "boolean" }, "other": {},
        } });
        let convert = |name: &str, text: &str| {
            let mut arguments = Map::from_iter([(name.to_owned(), json!(text))]);
            from_text(&mut arguments, schema.as_object().unwrap());
            arguments.remove(name).unwrap()
        };
        assert_eq!(convert("text", "5"), json!("5"));
        assert_eq!(convert("count", "5"), json!(5));
        assert_eq!(convert("ratio", "0.5"), json!(0.5));
        assert_eq!(convert("flag", "true"), json!(true));
        for (name, text) in
            [("count", "five"), ("count", " 5"), ("count", "true"), ("count", "05"), ("flag", "1"), ("other", "5")]
        {
            assert_eq!(convert(name, text), json!(text), "{name}");
        }
        assert_eq!(convert("unknown", "5"), json!("5"));
    }

    #[test]
    fn arrays_and_objects_cannot_be_texts() {
        let find = |schema: Value| {
            let schema = json!({ "properties": { "text": { "type": "string" }, "x": schema } });
            argument_without_texts(schema.as_object().unwrap()).map(str::to_owned)
        };
        let (object, text) = (json!({ "type": "object" }), json!({ "const": "none" }));
        for schema in
            [object.clone(), json!({ "type": "array" }), json!({ "oneOf": [object] }), json!({ "$ref": "#" })]
        {
            assert_eq!(find(schema.clone()).as_deref(), Some("x"), "{schema}");
        }
        for schema in
            [json!({ "type": "integer" }), json!({ "enum": ["a"] }), json!({}), json!({ "anyOf": [object, text] })]
        {
            assert_eq!(find(schema.clone()), None, "{schema}");
        }
    }
}
