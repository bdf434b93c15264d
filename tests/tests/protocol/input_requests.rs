//! Input that a tool requests during a call: which responses reach the tool, and which states are valid.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use serde_json::{Value, json};
use toolgate::{
    Scopes, Server,
    auth::{Claims, StaticTokens},
    input::{Confirm, InputRequired, form},
    prelude::*,
};
use toolgate_tests::{HttpResponse, Revision, TestServer, ToolBodies};

/// The scopes of a server whose tool asks before it acts.
pub(crate) static INPUT_SCOPES: Scopes = Scopes::new(&["records:delete"]);

/// Delete a record after a confirmation. The state counts the rounds.
#[tool(authenticated, scopes_in = crate::input_requests::INPUT_SCOPES, destructive)]
async fn record_delete(record: u8, context: &Context, bodies: &ToolBodies) -> Result<String, ToolError> {
    let round = context.request_state().map_or(Ok(0), str::parse::<u8>)?;
    let Some(response) = context.input_response("confirm") else {
        let question = format!("Delete {record}?");
        return Err(InputRequired::request("confirm", form::<Confirm>(question)?)
            .state((round + 1).to_string())
            .into());
    };
    // Only a call that acts counts.
    bodies.record_run();
    Ok(format!("{} in round {round}", response["action"].as_str().unwrap_or("no action")))
}

/// Confirm without a state.
#[tool(authenticated, scopes_in = crate::input_requests::INPUT_SCOPES)]
async fn confirm_only(context: &Context, bodies: &ToolBodies) -> Result<&'static str, ToolError> {
    if context.input_response("confirm").is_none() {
        return Err(InputRequired::request("confirm", form::<Confirm>("Sure?")?).into());
    }
    assert!(context.request_state().is_none(), "the tool has no state");
    bodies.record_run();
    Ok("confirmed")
}

/// Starts a server with the tokens of a user and of two services without a user.
async fn start() -> TestServer {
    let tokens = StaticTokens::new()
        .token("sam", Claims::new().subject("sam"))
        .token("sam-refreshed", Claims::new().subject("sam"))
        .token("harriet", Claims::new().subject("harriet"))
        .token("service-one", Claims::new())
        .token("service-two", Claims::new());
    TestServer::serve(|url| Server::new("records", &INPUT_SCOPES).server_url(url).skip_preflight().auth(tokens)).await
}

async fn call(server: &TestServer, token: &str, tool: &str, params: Value) -> HttpResponse {
    let mut message = Revision::Modern.call_message(tool, &json!({}));
    message["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({ "elicitation": {} });
    message["params"].as_object_mut().unwrap().extend(params.as_object().unwrap().clone());
    server.client_with(token, Revision::Modern).send(&message).await
}

/// Calls `record_delete` for record 1.
async fn delete(server: &TestServer, token: &str, input: Value) -> HttpResponse {
    let mut params = json!({ "arguments": { "record": 1 } });
    params.as_object_mut().unwrap().extend(input.as_object().unwrap().clone());
    call(server, token, "record_delete", params).await
}

fn asks(response: &HttpResponse) -> bool {
    response.result()["resultType"] == "input_required"
}

fn accepted() -> Value {
    json!({ "action": "accept", "content": {} })
}

#[tokio::test]
async fn an_unsolicited_response_never_reaches_the_tool() {
    let server = start().await;
    for responses in [json!({ "confirm": accepted() }), json!({ "confirm": accepted(), "other": 1 })] {
        let response = delete(&server, "sam", json!({ "inputResponses": responses })).await;
        assert!(asks(&response), "{response:?}");
        let response = call(&server, "sam", "confirm_only", json!({ "inputResponses": responses })).await;
        assert!(asks(&response), "{response:?}");
    }
    // In a revision without input requests, the tool cannot ask.
    let mut message = Revision::Legacy.call_message("record_delete", &json!({ "record": 1 }));
    message["params"]["inputResponses"] = json!({ "confirm": accepted() });
    let response = server.client_with("sam", Revision::Legacy).send(&message).await;
    assert!(!response.is_success(), "{response:?}");
    assert_eq!(server.bodies.runs(), 0);
}

#[tokio::test]
async fn the_response_to_a_request_reaches_the_tool_with_its_state() {
    let server = start().await;
    let asked = delete(&server, "sam", json!({})).await;
    let state = asked.result()["requestState"].clone();
    let responses = json!({ "confirm": accepted(), "never_asked": accepted() });
    // The user may have refreshed the token in the meantime.
    for token in ["sam", "sam-refreshed"] {
        let response = delete(&server, token, json!({ "inputResponses": responses, "requestState": state })).await;
        assert_eq!(response.text_content(), "accept in round 1");
    }
    let asked = call(&server, "sam", "confirm_only", json!({})).await;
    let state = asked.result()["requestState"].clone();
    assert!(state.is_string(), "the client sends back what was asked for, also without a state of the tool");
    let input = json!({ "inputResponses": responses, "requestState": state });
    assert_eq!(call(&server, "sam", "confirm_only", input).await.text_content(), "confirmed");
    assert_eq!(server.bodies.runs(), 3);
}

#[tokio::test]
async fn the_tool_asks_again_after_a_response_to_another_request_or_of_another_kind() {
    let server = start().await;
    let mut state = delete(&server, "sam", json!({})).await.result()["requestState"].clone();
    for responses in [
        json!({}),
        json!({ "Confirm": accepted() }),
        json!({ "confirm": null }),
        json!({ "confirm": true }),
        json!({ "confirm": { "action": "maybe" } }),
        json!({ "confirm": { "action": "accept", "content": [] } }),
        json!({ "confirm": { "roots": [] } }),
        json!({ "confirm": { "role": "assistant", "content": { "type": "text", "text": "accept" }, "model": "m" } }),
    ] {
        let response = delete(&server, "sam", json!({ "inputResponses": responses, "requestState": state })).await;
        assert!(asks(&response), "{responses}: {response:?}");
        state = response.result()["requestState"].clone();
    }
    assert_eq!(server.bodies.runs(), 0);
    let response = delete(
        &server,
        "sam",
        json!({ "inputResponses": { "confirm": { "action": "decline" } }, "requestState": state }),
    );
    assert_eq!(response.await.text_content(), "decline in round 9");
}

#[tokio::test]
async fn a_state_is_rejected_for_another_principal_tool_or_call() {
    let server = start().await;
    let responses = json!({ "confirm": accepted() });
    for (asked, other) in [
        ("sam", "harriet"),
        ("sam", "service-one"),
        ("service-one", "sam"),
        // Neither has a user, a client or an organization.
        ("service-one", "service-two"),
    ] {
        let state = delete(&server, asked, json!({})).await.result()["requestState"].clone();
        let input = json!({ "inputResponses": responses, "requestState": state });
        let response = delete(&server, other, input.clone()).await;
        assert_eq!(response.error_code(), Some(-32602), "{asked} {other}: {response:?}");
        let response = call(&server, asked, "confirm_only", input.clone()).await;
        assert_eq!(response.error_code(), Some(-32602), "another tool: {response:?}");
        let mut other_record = input.clone();
        other_record["arguments"] = json!({ "record": 2 });
        let response = call(&server, asked, "record_delete", other_record).await;
        assert_eq!(response.error_code(), Some(-32602), "other arguments: {response:?}");
        assert_eq!(server.bodies.runs(), 0);
    }
    let state = delete(&server, "service-one", json!({})).await.result()["requestState"].clone();
    let response =
        delete(&server, "service-one", json!({ "inputResponses": responses, "requestState": state })).await;
    assert_eq!(response.text_content(), "accept in round 1");
}

/// The scopes of a server whose tool asks before it acts, and has a guard.
static LOCK_SCOPES: Scopes = Scopes::new(&["locks:read"]);

/// Whether records are locked.
#[derive(Clone, Default)]
struct Lock(Arc<AtomicBool>);

fn is_unlocked(lock: &Lock) -> Result<(), Denied> {
    if lock.0.load(Ordering::Relaxed) { Err(Denied::new("locked")) } else { Ok(()) }
}

/// Delete a record after a confirmation, unless records are locked.
#[tool(authenticated, scopes_in = LOCK_SCOPES, guard = is_unlocked(lock))]
async fn unlocked_delete(context: &Context, bodies: &ToolBodies, lock: &Lock) -> Result<&'static str, ToolError> {
    if context.input_response("confirm").is_none() {
        return Err(InputRequired::request("confirm", form::<Confirm>("Sure?")?).into());
    }
    bodies.record_run();
    Ok("deleted")
}

#[tokio::test]
async fn a_guard_decides_every_round_of_a_call() {
    let lock = Lock::default();
    let state = lock.clone();
    let tokens = StaticTokens::new().token("sam", Claims::new().subject("sam"));
    let server = TestServer::serve(|url| {
        Server::new("locks", &LOCK_SCOPES).server_url(url).skip_preflight().auth(tokens).state(state)
    })
    .await;
    let set_locked = |locked| lock.0.store(locked, Ordering::Relaxed);
    set_locked(true);
    let denied = call(&server, "sam", "unlocked_delete", json!({})).await;
    assert_eq!(denied.text_content(), "not allowed: locked");
    set_locked(false);
    let asked = call(&server, "sam", "unlocked_delete", json!({})).await;
    assert!(asks(&asked), "{asked:?}");
    let input = json!({
        "inputResponses": { "confirm": accepted() }, "requestState": asked.result()["requestState"].clone(),
    });
    set_locked(true);
    let denied = call(&server, "sam", "unlocked_delete", input.clone()).await;
    assert_eq!(denied.text_content(), "not allowed: locked");
    assert_eq!(server.bodies.runs(), 0);
    set_locked(false);
    assert_eq!(call(&server, "sam", "unlocked_delete", input).await.text_content(), "deleted");
}
