//! Asking the client of a session during a call.

use serde_json::{Value, json};
use toolgate_tests::{Revision, TestServer, eventually};

use crate::{
    client::{Events, Session},
    start, start_with,
};

async fn open(server: &TestServer) -> Session {
    Session::open_with(server, "sam", &json!({ "elicitation": {} })).await
}

/// Begins a call and returns the first request of the server.
async fn begin(session: &Session, tool: &str) -> (Events, Value) {
    let mut call = session.begin(&Revision::Legacy.call_message(tool, &json!({}))).await;
    let request = call.message().await;
    assert_eq!(request["method"], "elicitation/create", "{request}");
    (call, request)
}

#[tokio::test]
async fn a_tool_asks_the_client_during_the_call() {
    let server = start().await;
    let session = open(&server).await;
    for (response, text) in [
        (json!({ "action": "accept", "content": {} }), "accept in round 1"),
        (json!({ "action": "decline" }), "decline in round 1"),
        (json!({ "action": "cancel" }), "cancel in round 1"),
    ] {
        let (mut call, request) = begin(&session, "record_delete").await;
        assert_eq!(request["params"]["message"], "Delete it?");
        session.respond(&request, response).await;
        assert_eq!(call.message().await["result"]["content"][0]["text"], text);
        call.ended().await;
    }
    assert_eq!(server.bodies.runs(), 3);
}

#[tokio::test]
async fn a_response_of_another_session_or_to_another_request_is_ignored() {
    let server = start().await;
    let (session, other) = (open(&server).await, open(&server).await);
    let (mut call, request) = begin(&session, "record_delete").await;
    other.respond(&request, json!({ "action": "accept", "content": {} })).await;
    session.respond(&json!({ "id": 4711 }), json!({ "action": "accept", "content": {} })).await;
    assert_eq!(server.bodies.runs(), 0);
    session.respond(&request, json!({ "action": "decline" })).await;
    assert_eq!(call.message().await["result"]["content"][0]["text"], "decline in round 1");
}

#[tokio::test]
async fn a_client_that_did_not_declare_the_capability_is_not_asked() {
    let server = start().await;
    let session = Session::open(&server, "sam").await;
    let response = session.call("record_delete", json!({})).await;
    assert_eq!(response.json()["error"]["data"]["requiredCapabilities"]["elicitation"], json!({ "form": {} }));
    assert_eq!(server.bodies.runs(), 0);
}

#[tokio::test]
async fn a_client_that_does_not_respond_in_time_ends_the_call() {
    let timeout = std::time::Duration::from_millis(50);
    let server = start_with(|server| server.sessions(|sessions| sessions.input_timeout = timeout)).await;
    let session = open(&server).await;
    let (mut call, _) = begin(&session, "record_delete").await;
    let response = call.message().await;
    assert!(response["error"]["message"].as_str().unwrap().contains("did not respond"), "{response}");
}

#[tokio::test]
async fn an_error_of_the_client_ends_the_call() {
    let server = start().await;
    let session = open(&server).await;
    let (mut call, request) = begin(&session, "record_delete").await;
    let error = json!({ "jsonrpc": "2.0", "id": request["id"], "error": { "code": -32601, "message": "no forms" } });
    assert_eq!(session.send(&error).await.status, 202);
    let response = call.message().await;
    assert!(response["error"]["message"].as_str().unwrap().contains("no forms"), "{response}");
}

#[tokio::test]
async fn the_client_hears_that_a_cancelled_call_asks_no_more() {
    let server = start().await;
    let session = open(&server).await;
    let mut stream = session.stream().await;
    let (_call, request) = begin(&session, "record_delete").await;
    session.notify("notifications/cancelled", json!({ "requestId": 1 })).await;
    let cancelled = stream.message().await;
    assert_eq!(cancelled["method"], "notifications/cancelled", "{cancelled}");
    assert_eq!(cancelled["params"]["requestId"], request["id"]);
}

#[tokio::test]
async fn the_number_of_questions_of_one_call_is_limited() {
    let server = start().await;
    let session = open(&server).await;
    let (mut call, mut request) = begin(&session, "asks_forever").await;
    let mut asked = 0;
    while request["method"] == "elicitation/create" {
        asked += 1;
        session.respond(&request, json!({ "action": "accept", "content": {} })).await;
        request = call.message().await;
    }
    assert!(asked <= 16 && request["error"].is_object(), "{asked} {request}");
}

#[tokio::test]
async fn a_tool_knows_what_the_client_declared_when_it_opened_the_session() {
    let server = start().await;
    let session = open(&server).await;
    let response = session.call("declared", json!({})).await;
    assert_eq!(response.text_content(), "Some(\"test\") Some(true)");
    let without = server.client_with("sam", Revision::Legacy).call("declared", json!({})).await;
    assert_eq!(without.text_content(), "None None");
}

#[tokio::test]
async fn the_end_of_a_session_ends_a_call_that_waits_for_its_client() {
    let server = start().await;
    let session = open(&server).await;
    let (mut call, _) = begin(&session, "record_delete").await;
    session.delete().await;
    call.ended().await;
    eventually("the request slot is free", async || {
        Session::open(&server, "sam").await.call("file_read", json!({})).await.is_success()
    })
    .await;
}
