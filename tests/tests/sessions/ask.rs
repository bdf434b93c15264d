//! Questions to the user of a session, with `Context::ask`: the server waits for the answer during the call.

use std::time::Duration;

use serde_json::{Value, json};
use toolgate::{
    input::{Confirm, Form, InputRequired, form},
    prelude::*,
};
use toolgate_tests::{Revision, ToolBodies};

use crate::{
    client::{Events, Session},
    start, start_with,
};

#[derive(Deserialize, JsonSchema, Form)]
struct Number {
    #[schemars(range(max = 10))]
    number: u8,
}

/// Ask two questions.
#[tool(authenticated, scopes_in = crate::SESSION_SCOPES)]
async fn ask_twice(context: &Context, bodies: &ToolBodies) -> Result<String, ToolError> {
    bodies.record_run();
    let Number { number } = context.ask("Number?").await?;
    context.ask::<Confirm>(format!("{number}?")).await?;
    Ok(format!("{number} is confirmed"))
}

/// Ask, and request input by a key of its own, for which the body runs again.
#[tool(authenticated, scopes_in = crate::SESSION_SCOPES)]
async fn ask_and_request(context: &Context, bodies: &ToolBodies) -> Result<String, ToolError> {
    bodies.record_run();
    let Number { number } = context.ask("Number?").await?;
    let Some(own) = context.input_response("own") else {
        return Err(InputRequired::request("own", form::<Confirm>("Own?")?).into());
    };
    Ok(format!("{number} {}", own["action"].as_str().unwrap_or_default()))
}

async fn begin(session: &Session, tool: &str) -> Events {
    session.begin(&Revision::Legacy.call_message(tool, &json!({}))).await
}

/// Responds to the next request of a call, which asks for this.
async fn answer(session: &Session, call: &mut Events, message: &str, response: Value) {
    let request = call.message().await;
    let asked = request["params"]["message"].as_str().unwrap_or_default();
    assert!(asked.starts_with(message), "{request}");
    session.respond(&request, response).await;
}

fn accept(content: &Value) -> Value {
    json!({ "action": "accept", "content": content })
}

#[tokio::test]
async fn the_body_waits_for_each_answer_and_runs_once() {
    let server = start().await;
    let session = Session::open_with(&server, "sam", &json!({ "elicitation": {} })).await;
    let mut call = begin(&session, "ask_twice").await;
    answer(&session, &mut call, "Number?", accept(&json!({ "number": 11 }))).await;
    let again = "Number?\n\nThe last answer does not fit the form:\n- /number: ";
    answer(&session, &mut call, again, accept(&json!({ "number": 7 }))).await;
    answer(&session, &mut call, "7?", accept(&json!({}))).await;
    assert_eq!(call.message().await["result"]["content"][0]["text"], "7 is confirmed");
    assert_eq!(server.bodies.runs(), 1);

    let mut call = begin(&session, "ask_twice").await;
    answer(&session, &mut call, "Number?", json!({ "action": "decline" })).await;
    let declined = call.message().await;
    assert_eq!(declined["result"]["content"][0]["text"], "the user declined: nothing more was done");
    assert_eq!(declined["result"]["isError"], true);
}

#[tokio::test]
async fn a_question_is_asked_once_although_the_body_runs_again() {
    let server = start().await;
    let session = Session::open_with(&server, "sam", &json!({ "elicitation": {} })).await;
    let mut call = begin(&session, "ask_and_request").await;
    answer(&session, &mut call, "Number?", accept(&json!({ "number": 3 }))).await;
    answer(&session, &mut call, "Own?", json!({ "action": "decline" })).await;
    assert_eq!(call.message().await["result"]["content"][0]["text"], "3 decline");
    assert_eq!(server.bodies.runs(), 2);
}

#[tokio::test]
async fn a_client_that_cannot_be_asked_or_does_not_respond_ends_the_call() {
    let timeout = Duration::from_millis(50);
    let server = start_with(|server| server.sessions(|sessions| sessions.input_timeout = timeout)).await;
    let undeclared = Session::open(&server, "sam").await.call("ask_twice", json!({})).await;
    let required = &undeclared.json()["error"]["data"]["requiredCapabilities"];
    assert_eq!(required["elicitation"], json!({ "form": {} }), "{undeclared:?}");
    let session = Session::open_with(&server, "sam", &json!({ "elicitation": {} })).await;
    let mut call = begin(&session, "ask_twice").await;
    let request = call.message().await;
    assert_eq!(request["method"], "elicitation/create", "{request}");
    let response = call.message().await;
    assert_eq!(response["result"]["content"][0]["text"], "the client did not respond within 50ms", "{response}");
}
