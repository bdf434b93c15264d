//! Tools that request input from the client in multi-round-trip requests (SEP-2322).

use serde_json::Value;
use toolgate::{
    input::{AskError, Form, InputRequest, InputRequired, form},
    prelude::*,
};

#[derive(Deserialize, JsonSchema, Form)]
#[expect(dead_code, reason = "the tools read the fields of the response, whose key they choose")]
struct Name {
    name: String,
}

#[derive(Deserialize, JsonSchema, Form)]
#[expect(dead_code, reason = "the tools read the fields of the response, whose key they choose")]
struct Color {
    color: String,
}

#[derive(Deserialize, JsonSchema, Form)]
struct Confirmation {
    ok: bool,
}

#[derive(Deserialize, Serialize, JsonSchema, Form)]
struct User {
    username: String,
    email: String,
}

/// A default value for each kind of field (SEP-1034).
#[derive(Deserialize, Serialize, JsonSchema, Form)]
#[serde(default)]
struct Defaults {
    name: String,
    age: u8,
    score: f64,
    status: Status,
    verified: bool,
}

#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Status {
    Active,
    Inactive,
    Pending,
}

impl Default for Defaults {
    fn default() -> Self {
        Self { name: "John Doe".to_owned(), age: 30, score: 95.5, status: Status::Active, verified: true }
    }
}

/// Each kind of choice (SEP-1330).
#[derive(Deserialize, Serialize, JsonSchema, Form)]
#[serde(rename_all = "camelCase")]
struct Choices {
    untitled_single: Untitled,
    titled_single: Titled,
    #[schemars(extend("enumNames" = ["Option One", "Option Two", "Option Three"]))]
    legacy_enum: Legacy,
    untitled_multi: Vec<Untitled>,
    titled_multi: Vec<Titled>,
}

#[derive(Deserialize, Serialize, JsonSchema)]
enum Untitled {
    #[serde(rename = "option1")]
    One,
    #[serde(rename = "option2")]
    Two,
    #[serde(rename = "option3")]
    Three,
}

#[derive(Deserialize, Serialize, JsonSchema)]
enum Titled {
    /// First Option
    #[serde(rename = "value1")]
    One,
    /// Second Option
    #[serde(rename = "value2")]
    Two,
    /// Third Option
    #[serde(rename = "value3")]
    Three,
}

#[derive(Deserialize, Serialize, JsonSchema)]
enum Legacy {
    #[serde(rename = "opt1")]
    One,
    #[serde(rename = "opt2")]
    Two,
    #[serde(rename = "opt3")]
    Three,
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
fn field<'a>(context: &'a Context, key: &str, field: &str) -> Option<&'a Value> {
    let response = context.input_response(key)?;
    (response["action"] == "accept").then(|| &response["content"][field])
}

/// Ask the user for a name and return a greeting.
#[tool(scopes = "conformance:input", read_only)]
async fn test_input_required_result_elicitation(context: &Context) -> Result<String, ToolError> {
    match field(context, "user_name", "name").and_then(Value::as_str) {
        Some(name) => Ok(format!("Hello, {name}!")),
        None => Err(InputRequired::request("user_name", form::<Name>("What is your name?")?).into()),
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
        _ => Err(InputRequired::request("confirm", form::<Confirmation>("Please confirm")?).state("asked").into()),
    }
}

/// Ask for a confirmation; the server rejects a request state that was modified.
#[tool(scopes = "conformance:input", read_only)]
async fn test_input_required_result_tampered_state(context: &Context) -> Result<&'static str, ToolError> {
    match (field(context, "confirm", "ok"), context.request_state()) {
        (Some(_), Some("asked")) => Ok("The request state is unmodified."),
        _ => Err(InputRequired::request("confirm", form::<Confirmation>("Please confirm")?).state("asked").into()),
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
        _ => Err(InputRequired::request("user_name", form::<Name>("What is your name?")?)
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
            Err(InputRequired::request("step2", form::<Color>("Step 2: What is your favorite color?")?)
                .state(format!("name={name}"))
                .into())
        }
        _ => {
            Err(InputRequired::request("step1", form::<Name>("Step 1: What is your name?")?).state("no name").into())
        }
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
        form::<Name>("What is your name?")?
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
async fn test_streaming_elicitation(context: &Context) -> Result<String, ToolError> {
    let Confirmation { ok } = context.ask("Please confirm").await?;
    Ok(format!("The user responded: {ok}"))
}

/// Ask the client's model.
#[tool(scopes = "conformance:input", read_only)]
async fn test_sampling(prompt: String, context: &Context) -> Result<String, ToolError> {
    match context.input_response("sample") {
        Some(response) => Ok(format!("LLM response: {}", response["content"]["text"])),
        None => Err(InputRequired::request("sample", sampling(&prompt, 100)?).into()),
    }
}

/// Describes what the user did with a form.
fn describe<T: Serialize>(answer: Result<T, AskError>) -> Result<String, ToolError> {
    let (action, content) = match answer {
        Ok(content) => ("accept", serde_json::to_value(content)?),
        Err(AskError::Declined) => ("decline", json!({})),
        Err(AskError::Cancelled) => ("cancel", json!({})),
        Err(error) => return Err(error.into()),
    };
    Ok(format!("action={action}, content={content}"))
}

/// Ask the user.
#[tool(scopes = "conformance:input", read_only)]
async fn test_elicitation(message: String, context: &Context) -> Result<String, ToolError> {
    Ok(format!("User response: {}", describe(context.ask::<User>(message).await)?))
}

/// Ask the user with a default value for each kind of field (SEP-1034).
#[tool(scopes = "conformance:input", read_only)]
async fn test_elicitation_sep1034_defaults(context: &Context) -> Result<String, ToolError> {
    let answer = describe(context.ask::<Defaults>("Please check the form").await)?;
    Ok(format!("Elicitation completed: {answer}"))
}

/// Ask the user to choose, with each kind of enum field (SEP-1330).
#[tool(scopes = "conformance:input", read_only)]
async fn test_elicitation_sep1330_enums(context: &Context) -> Result<String, ToolError> {
    let answer = describe(context.ask::<Choices>("Please choose").await)?;
    Ok(format!("Elicitation completed: {answer}"))
}
