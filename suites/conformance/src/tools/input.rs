//! Tools that request input from the client in multi-round-trip requests (SEP-2322).

use serde_json::Value;
use toolgate::{
    input::{ElicitRequest, ElicitRequestParams, InputRequest, InputRequired},
    prelude::*,
};

/// Builds an elicitation request: a form with these fields, all of them required.
fn form(message: &str, fields: &Value) -> Result<InputRequest, ToolError> {
    let names: Vec<_> = fields.as_object().into_iter().flat_map(JsonObject::keys).collect();
    let schema = json!({ "type": "object", "properties": fields, "required": names });
    Ok(InputRequest::Elicitation(ElicitRequest::new(ElicitRequestParams::FormElicitationParams {
        meta: None,
        message: message.to_owned(),
        requested_schema: serde_json::from_value(schema)?,
    })))
}

/// Builds an elicitation request with one text field.
pub(crate) fn text_form(message: &str, field: &str) -> Result<InputRequest, ToolError> {
    form(message, &json!({ field: { "type": "string" } }))
}

/// Builds an elicitation request with one boolean field.
fn confirmation() -> Result<InputRequest, ToolError> {
    form("Please confirm", &json!({ "ok": { "type": "boolean" } }))
}

/// Builds a sampling request to the client's model.
fn sampling(prompt: &str, max_tokens: u32) -> Result<InputRequest, ToolError> {
    Ok(serde_json::from_value(json!({
        "method": "sampling/createMessage",
        "params": {
            "messages": [{ "role": "user", "content": { "type": "text", "text": prompt } }],
            "maxTokens": max_tokens,
        },
    }))?)
}

/// Builds a request for the client's roots.
fn roots() -> Result<InputRequest, ToolError> {
    Ok(serde_json::from_value(json!({ "method": "roots/list", "params": {} }))?)
}

/// Returns a field of a form that the user has accepted.
pub(crate) fn field<'a>(context: &'a Context, key: &str, field: &str) -> Option<&'a Value> {
    let response = context.input_response(key)?;
    (response["action"] == "accept").then(|| &response["content"][field])
}

/// Ask the user for a name and return a greeting.
#[tool(scopes = "conformance:input", read_only)]
async fn test_input_required_result_elicitation(context: &Context) -> Result<String, ToolError> {
    match field(context, "user_name", "name").and_then(Value::as_str) {
        Some(name) => Ok(format!("Hello, {name}!")),
        None => Err(InputRequired::request("user_name", text_form("What is your name?", "name")?).into()),
    }
}

/// Ask the client's model for the capital of France.
#[tool(scopes = "conformance:input", read_only)]
async fn test_input_required_result_sampling(context: &Context) -> Result<String, ToolError> {
    let Some(response) = context.input_response("capital_question") else {
        let question = sampling("What is the capital of France?", 100)?;
        return Err(InputRequired::request("capital_question", question).into());
    };
    Ok(format!("The model says: {}", response["content"]["text"]))
}

/// Count the client's roots.
#[tool(scopes = "conformance:input", read_only)]
async fn test_input_required_result_list_roots(context: &Context) -> Result<String, ToolError> {
    match context.input_response("client_roots").and_then(|response| response["roots"].as_array()) {
        Some(roots) => Ok(format!("The client has {} roots.", roots.len())),
        None => Err(InputRequired::request("client_roots", roots()?).into()),
    }
}

/// Ask for a confirmation and expect the request state in the next round.
#[tool(scopes = "conformance:input", read_only)]
async fn test_input_required_result_request_state(context: &Context) -> Result<&'static str, ToolError> {
    match (field(context, "confirm", "ok"), context.request_state()) {
        (Some(_), Some("asked")) => Ok("state-ok"),
        _ => Err(InputRequired::request("confirm", confirmation()?).state("asked").into()),
    }
}

/// Ask for a confirmation; the server rejects a request state that was modified.
#[tool(scopes = "conformance:input", read_only)]
async fn test_input_required_result_tampered_state(context: &Context) -> Result<&'static str, ToolError> {
    match (field(context, "confirm", "ok"), context.request_state()) {
        (Some(_), Some("asked")) => Ok("The request state is unmodified."),
        _ => Err(InputRequired::request("confirm", confirmation()?).state("asked").into()),
    }
}

/// Request elicitation, sampling and roots in one round.
#[tool(scopes = "conformance:input", read_only)]
async fn test_input_required_result_multiple_inputs(context: &Context) -> Result<String, ToolError> {
    let responses = ["user_name", "greeting", "client_roots"].map(|key| context.input_response(key));
    match (responses, context.request_state()) {
        ([Some(user), Some(greeting), Some(_)], Some("asked")) => {
            Ok(format!("{} {}", greeting["content"]["text"], user["content"]["name"]))
        }
        _ => Err(InputRequired::request("user_name", text_form("What is your name?", "name")?)
            .and("greeting", sampling("Generate a greeting", 50)?)
            .and("client_roots", roots()?)
            .state("asked")
            .into()),
    }
}

/// Ask two questions in consecutive rounds.
#[tool(scopes = "conformance:input", read_only)]
async fn test_input_required_result_multi_round(context: &Context) -> Result<String, ToolError> {
    let name = field(context, "step1", "name").and_then(Value::as_str);
    let color = field(context, "step2", "color").and_then(Value::as_str);
    let known_name = context.request_state().and_then(|state| state.strip_prefix("name="));
    match (known_name, name, color) {
        (Some(name), _, Some(color)) => Ok(format!("{name} likes {color}.")),
        (None, Some(name), _) => {
            Err(InputRequired::request("step2", text_form("Step 2: What is your favorite color?", "color")?)
                .state(format!("name={name}"))
                .into())
        }
        _ => Err(InputRequired::request("step1", text_form("Step 1: What is your name?", "name")?)
            .state("no name")
            .into()),
    }
}

/// Ask the user if the client supports elicitation, otherwise the client's model.
#[tool(scopes = "conformance:input", read_only)]
async fn test_input_required_result_capabilities(context: &Context) -> Result<String, ToolError> {
    if let Some(response) = context.input_response("name") {
        return Ok(format!("The response is {}.", response["content"]));
    }
    let client = context.client_capabilities().unwrap_or_default();
    let request = if client.elicitation.is_some() {
        text_form("What is your name?", "name")?
    } else if client.sampling.is_some() {
        sampling("Make up a name", 50)?
    } else {
        return Err(ToolError::new("the client supports neither elicitation nor sampling"));
    };
    Err(InputRequired::request("name", request).into())
}

/// Request sampling, even if the client does not support it.
#[tool(scopes = "conformance:input", read_only)]
async fn test_missing_capability(context: &Context) -> Result<String, ToolError> {
    match context.input_response("anything") {
        Some(response) => Ok(format!("The model says: {}", response["content"]["text"])),
        None => Err(InputRequired::request("anything", sampling("Say something", 50)?).into()),
    }
}

/// Ask the user in a response that may be a stream.
#[tool(scopes = "conformance:input", read_only)]
async fn test_streaming_elicitation(context: &Context) -> Result<&'static str, ToolError> {
    match context.input_response("confirm") {
        Some(_) => Ok("The user responded."),
        None => Err(InputRequired::request("confirm", confirmation()?).into()),
    }
}

/// Ask the client's model.
#[tool(scopes = "conformance:input", read_only)]
async fn test_sampling(prompt: String, context: &Context) -> Result<String, ToolError> {
    match context.input_response("sample") {
        Some(response) => Ok(format!("LLM response: {}", response["content"]["text"])),
        None => Err(InputRequired::request("sample", sampling(&prompt, 100)?).into()),
    }
}

/// Ask the user.
#[tool(scopes = "conformance:input", read_only)]
async fn test_elicitation(message: String, context: &Context) -> Result<String, ToolError> {
    let Some(response) = context.input_response("user") else {
        let fields = json!({ "username": { "type": "string" }, "email": { "type": "string" } });
        return Err(InputRequired::request("user", form(&message, &fields)?).into());
    };
    Ok(format!("User response: {response}"))
}

/// Ask the user with a default value for each kind of field (SEP-1034).
#[tool(scopes = "conformance:input", read_only)]
async fn test_elicitation_sep1034_defaults(context: &Context) -> Result<String, ToolError> {
    let Some(response) = context.input_response("user") else {
        let fields = json!({
            "name": { "type": "string", "default": "John Doe" },
            "age": { "type": "integer", "default": 30 },
            "score": { "type": "number", "default": 95.5 },
            "status": { "type": "string", "enum": ["active", "inactive", "pending"], "default": "active" },
            "verified": { "type": "boolean", "default": true },
        });
        return Err(InputRequired::request("user", form("Please check the form", &fields)?).into());
    };
    Ok(format!("Elicitation completed: {response}"))
}

/// Ask the user to choose, with each kind of enum field (SEP-1330).
#[tool(scopes = "conformance:input", read_only)]
async fn test_elicitation_sep1330_enums(context: &Context) -> Result<String, ToolError> {
    let Some(response) = context.input_response("user") else {
        let titled = json!([
            { "const": "value1", "title": "First Option" },
            { "const": "value2", "title": "Second Option" },
            { "const": "value3", "title": "Third Option" },
        ]);
        let untitled = json!(["option1", "option2", "option3"]);
        let fields = json!({
            "untitledSingle": { "type": "string", "enum": untitled },
            "titledSingle": { "type": "string", "oneOf": titled },
            "legacyEnum": {
                "type": "string",
                "enum": ["opt1", "opt2", "opt3"],
                "enumNames": ["Option One", "Option Two", "Option Three"],
            },
            "untitledMulti": { "type": "array", "items": { "type": "string", "enum": untitled } },
            "titledMulti": { "type": "array", "items": { "anyOf": titled } },
        });
        return Err(InputRequired::request("user", form("Please choose", &fields)?).into());
    };
    Ok(format!("Elicitation completed: {response}"))
}
