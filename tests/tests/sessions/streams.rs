//! Streams of a session: which message is on which, and how a broken stream continues.

use reqwest::Method;
use serde_json::{Value, json};
use toolgate_tests::{CapturedLog, Revision, eventually, send};

use crate::{client::Session, start};

fn is_log(message: &Value, level: &str) -> bool {
    message["method"] == "notifications/message" && message["params"]["level"] == level
}

#[tokio::test]
async fn a_short_call_has_a_json_response_as_without_a_session() {
    let server = start().await;
    let session = Session::open(&server, "sam").await;
    let response = session.call("file_read", json!({})).await;
    assert!(response.header("content-type").starts_with("application/json"), "{response:?}");
    let without = server.client_with("sam", Revision::Legacy).call("file_read", json!({})).await;
    assert_eq!(response.text, without.text);
}

#[tokio::test]
async fn progress_and_log_messages_are_on_the_stream_of_their_call() {
    let server = start().await;
    let session = Session::open(&server, "sam").await;
    server.bodies.release(1);
    let response = session.send(&Revision::Legacy.progress_message("progresses")).await;
    assert_eq!(response.messages().len(), 4, "{response:?}");
    assert_eq!(response.text_content(), "done");
    let response = session.call("logs", json!({})).await;
    let [info, error, _] = response.messages() else { panic!("{response:?}") };
    assert!(is_log(info, "info") && is_log(error, "error"), "{response:?}");
}

#[tokio::test]
async fn the_client_of_a_session_sets_the_level_of_log_messages() {
    let server = start().await;
    let (session, other) = (Session::open(&server, "sam").await, Session::open(&server, "sam").await);
    let response = session.send_method("logging/setLevel", json!({ "level": "error" })).await;
    assert_eq!(response.result(), &json!({}));
    let response = session.call("logs", json!({})).await;
    let [error, _] = response.messages() else { panic!("{response:?}") };
    assert!(is_log(error, "error"), "{response:?}");
    session.send_method("logging/setLevel", json!({ "level": "debug" })).await;
    assert_eq!(session.call("logs", json!({})).await.messages().len(), 4);
    // The level is that of one session.
    assert_eq!(other.call("logs", json!({})).await.messages().len(), 3);
}

#[tokio::test]
async fn a_broken_stream_continues_after_the_last_event() {
    let server = start().await;
    let session = Session::open(&server, "sam").await;
    let mut call = session.begin(&Revision::Legacy.progress_message("progresses")).await;
    assert_eq!(call.next().await.unwrap().1, json!(null), "the first event has an ID only");
    let (id, first) = call.next().await.unwrap();
    assert_eq!(first["params"]["progress"], 1.0);
    drop(call);
    let mut call = session.resume(&id).await;
    assert_eq!(call.message().await["params"]["progress"], 2.0);
    assert_eq!(call.message().await["params"]["progress"], 3.0);
    drop(call);
    // The call ends while its client is not connected.
    server.bodies.release(1);
    server.bodies.wait_for_end(1).await;
    let mut call = session.resume(&id).await;
    assert_eq!(call.message().await["params"]["progress"], 2.0);
    assert_eq!(call.message().await["params"]["progress"], 3.0);
    assert_eq!(call.message().await["result"]["content"][0]["text"], "done");
    call.ended().await;
}

#[tokio::test]
async fn only_the_session_of_a_stream_resumes_it() {
    let server = start().await;
    let (session, other) = (Session::open(&server, "sam").await, Session::open(&server, "harriet").await);
    let mut call = session.begin(&Revision::Legacy.progress_message("progresses")).await;
    let (id, _) = call.next().await.unwrap();
    server.bodies.wait_for_start(1).await;
    for id in [&*id, "1-0", "2-0", "0", "x", "18446744073709551615-0", "0-99999"] {
        let mut resumed = other.resume(id).await;
        if !id.starts_with("0-") {
            resumed.ended().await;
        }
    }
    server.bodies.release(1);
    while call.message().await["result"].is_null() {}
}

#[tokio::test]
async fn a_client_that_disconnects_before_its_stream_begins_cancels_the_call() {
    let server = start().await;
    let session = Session::open(&server, "sam").await;
    let call = tokio::spawn({
        let session = session.clone();
        async move { session.call("waits", json!({})).await }
    });
    server.bodies.wait_for_start(1).await;
    call.abort();
    server.bodies.wait_for_end(1).await;
    assert!(session.call("file_read", json!({})).await.is_success());
}

#[tokio::test]
async fn a_client_cancels_a_call_with_a_notification() {
    let server = start().await;
    let session = Session::open(&server, "sam").await;
    let mut call = session.begin(&Revision::Legacy.progress_message("progresses")).await;
    server.bodies.wait_for_start(1).await;
    assert_eq!(session.notify("notifications/cancelled", json!({ "requestId": 1 })).await.status, 202);
    server.bodies.wait_for_end(1).await;
    while let Some((_, message)) = call.next().await {
        assert!(message["result"].is_null() && message["error"].is_null(), "{message}");
    }
    assert!(session.call("file_read", json!({})).await.is_success());
}

#[tokio::test]
async fn an_id_in_use_is_rejected() {
    let server = start().await;
    let session = Session::open(&server, "sam").await;
    let call = session.begin(&Revision::Legacy.progress_message("progresses")).await;
    server.bodies.wait_for_start(1).await;
    for _ in 0..3 {
        let response = session.call("logs", json!({})).await;
        assert_eq!((response.status, response.error_code()), (400, Some(-32600)), "{response:?}");
    }
    server.bodies.release(1);
    drop(call);
    eventually("the first request ends", async || session.call("file_read", json!({})).await.status == 200).await;
}

#[tokio::test]
async fn an_id_that_is_used_again_after_a_cancellation_has_its_own_response() {
    let server = start().await;
    let session = Session::open(&server, "sam").await;
    for _ in 0..20 {
        let call = session.begin(&Revision::Legacy.progress_message("progresses")).await;
        session.notify("notifications/cancelled", json!({ "requestId": 1 })).await;
        assert_eq!(session.call("file_read", json!({})).await.text_content(), "contents");
        drop(call);
    }
}

#[tokio::test]
async fn a_tool_and_the_client_know_a_request_by_the_same_id() {
    let server = start().await;
    let session = Session::open(&server, "sam").await;
    for id in [json!("mine"), json!(4711)] {
        let mut message = Revision::Legacy.call_message("request_info", &json!({}));
        message["id"] = id.clone();
        let response = session.send(&message).await;
        assert_eq!(response.json()["id"], id, "{response:?}");
        let debug = response.json()["result"]["structuredContent"]["debug"].as_str().unwrap().to_owned();
        let id = id.as_str().map_or(id.to_string(), str::to_owned);
        assert!(debug.contains(&format!("request_id: {id:?}")), "{debug}");
    }
}

#[tokio::test]
async fn a_get_needs_a_session_and_accepts_streams() {
    let server = start().await;
    let session = Session::open(&server, "sam").await;
    let http = toolgate_tests::http_client();
    let without = send(http.get(&server.endpoint).bearer_auth("sam")).await;
    assert_eq!((without.status, without.error_code()), (400, Some(-32600)), "{without:?}");
    let json_only = http.get(&server.endpoint).bearer_auth("sam").header("Mcp-Session-Id", &session.id);
    assert_eq!(send(json_only.header("Accept", "application/json")).await.status, 406);
    let put = send(http.put(&server.endpoint).bearer_auth("sam")).await;
    assert_eq!((put.status, put.header("allow")), (405, "GET, POST, DELETE"));
    assert_eq!(send(http.get(&server.endpoint)).await.status, 401);
    let unsupported = http.get(&server.endpoint).bearer_auth("sam").header("MCP-Protocol-Version", "1999-01-01");
    assert_eq!(send(unsupported).await.error_code(), Some(-32022));
    assert_eq!(session.request(Method::GET).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn the_id_of_a_session_is_in_no_log() {
    let log = CapturedLog::start();
    let server = start().await;
    let session = Session::open(&server, "sam").await;
    session.call("logs", json!({})).await;
    let mut stream = session.stream().await;
    stream.next().await;
    session.with("harriet", &session.id).call("logs", json!({})).await;
    session.resume("not-an-event").await;
    session.delete().await;
    session.call("logs", json!({})).await;
    server.shut_down().await;
    let log = log.of_this_thread();
    assert!(log.contains("session") && !log.contains(&session.id), "{log}");
}
