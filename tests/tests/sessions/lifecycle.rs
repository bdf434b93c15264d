//! How sessions begin and end.

use reqwest::Method;
use serde_json::json;
use toolgate::auth::{Claims, Revocation};
use toolgate_tests::{Revision, TestServer, connect_rmcp, send, within_deadline};

use crate::{
    client::{Session, initialize, try_open},
    start, start_with_tokens, tokens,
};

#[tokio::test]
async fn n1_initialize_opens_a_session_with_an_id_that_cannot_be_guessed() {
    let server = start().await;
    let (first, second) = (Session::open(&server, "sam").await, Session::open(&server, "sam").await);
    assert_ne!(first.id, second.id);
    for session in [&first, &second] {
        assert!(session.id.len() >= 40 && session.id.bytes().all(|byte| byte.is_ascii_graphic()), "{}", session.id);
        assert_eq!(session.call("file_read", json!({})).await.text_content(), "contents");
    }
}

#[tokio::test]
async fn without_sessions_nothing_refers_to_one() {
    let server = TestServer::with(|server| server.auth(tokens())).await;
    let response = try_open(&server, "sam").await;
    assert!(response.is_success() && response.header("mcp-session-id").is_empty(), "{response:?}");
    assert!(response.result()["capabilities"]["logging"].is_null());
    let client = server.client_with("sam", Revision::Legacy);
    let message = Revision::Legacy.call_message("file_read", &json!({}));
    let response = send(client.request(&message).header("Mcp-Session-Id", "unknown")).await;
    assert_eq!(response.text_content(), "contents");
    for method in [Method::GET, Method::DELETE] {
        let response = send(toolgate_tests::http_client().request(method, &server.endpoint).bearer_auth("sam")).await;
        assert_eq!((response.status, response.header("allow")), (405, "POST"));
    }
}

#[tokio::test]
async fn a_client_that_sends_no_session_id_is_served_without_a_session() {
    let server = start().await;
    let client = server.client_with("sam", Revision::Legacy);
    assert_eq!(client.call("file_read", json!({})).await.text_content(), "contents");
    assert_eq!(client.call("logs", json!({})).await.text_content(), "logged");
    let level = client.send_method("logging/setLevel", json!({ "level": "error" })).await;
    assert_eq!(level.error_code(), Some(-32601), "{level:?}");
    // A client that accepts no streams has no use for a session.
    let request = client.request(&initialize(&json!({}))).header("Accept", "application/json");
    let mut request = request.build().unwrap();
    request.headers_mut().insert("Accept", "application/json".parse().unwrap());
    let response = toolgate_tests::http_client().execute(request).await.unwrap();
    assert!(response.status() == 200 && !response.headers().contains_key("mcp-session-id"));
}

#[tokio::test]
async fn a_request_of_2026_07_28_has_no_session() {
    let server = start().await;
    let session = Session::open(&server, "sam").await;
    let client = server.client_with("harriet", Revision::Modern);
    for id in [&*session.id, "unknown"] {
        for tool in ["owner_only", "request_info"] {
            let message = Revision::Modern.call_message(tool, &json!({}));
            let with_id = send(client.request(&message).header("Mcp-Session-Id", id)).await;
            let without = client.send(&message).await;
            assert_eq!(with_id.status, without.status);
            assert!(with_id.header("mcp-session-id").is_empty());
        }
    }
    let request = session.request(Method::GET).header("MCP-Protocol-Version", "2026-07-28");
    let mut request = request.build().unwrap();
    request.headers_mut().insert("MCP-Protocol-Version", "2026-07-28".parse().unwrap());
    let response = toolgate_tests::http_client().execute(request).await.unwrap();
    assert_eq!((response.status().as_u16(), &response.headers()["allow"]), (405, &"POST".parse().unwrap()));
}

#[tokio::test]
async fn delete_ends_a_session_with_its_streams_and_calls() {
    let server = start().await;
    let session = Session::open(&server, "sam").await;
    let mut stream = session.stream().await;
    let mut call = session.begin(&Revision::Legacy.progress_message("progresses")).await;
    server.bodies.wait_for_start(1).await;
    assert_eq!(session.delete().await.status, 204);
    server.bodies.wait_for_end(1).await;
    stream.ended().await;
    while call.next().await.is_some() {}
    assert_eq!(session.call("file_read", json!({})).await.status, 404);
    assert_eq!(session.delete().await.status, 404);
}

#[tokio::test]
async fn a_revocation_ends_the_sessions_of_its_caller_only() {
    let server = start().await;
    let (sam, harriet) = (Session::open(&server, "sam").await, Session::open(&server, "harriet").await);
    let (mut stream, mut other) = (sam.stream().await, harriet.stream().await);
    let mut call = sam.begin(&Revision::Legacy.progress_message("progresses")).await;
    server.bodies.wait_for_start(1).await;
    server.revocations.revoke(&[Revocation::User("sam".to_owned())]).await.unwrap();
    server.bodies.wait_for_end(1).await;
    stream.ended().await;
    while call.next().await.is_some() {}
    // The token is still valid, but the session has ended.
    assert_eq!(sam.call("file_read", json!({})).await.status, 404);
    assert!(Session::open(&server, "sam").await.call("file_read", json!({})).await.is_success());
    assert!(harriet.call("request_info", json!({})).await.is_success());
    assert_eq!(other.next().await.map(|(_, message)| message), Some(json!(null)));
}

#[tokio::test]
async fn the_end_of_a_tokens_validity_ends_its_calls_and_the_next_token_continues_the_session() {
    let soon = std::time::SystemTime::now() + std::time::Duration::from_millis(1500);
    let claims = Claims::new().subject("sam").client_id("editor").expires_at(soon);
    let server = start_with_tokens(tokens().token("expiring", claims), |server| server).await;
    let expiring = Session::open(&server, "expiring").await;
    let mut call = expiring.begin(&Revision::Legacy.progress_message("progresses")).await;
    server.bodies.wait_for_start(1).await;
    server.bodies.wait_for_end(1).await;
    while call.next().await.is_some() {}
    let session = expiring.with("sam-demoted", &expiring.id);
    assert!(session.call("request_info", json!({})).await.is_success());
}

#[tokio::test]
async fn a_shutdown_ends_open_streams_and_lets_calls_finish() {
    let server = start().await;
    let session = Session::open(&server, "sam").await;
    let mut stream = session.stream().await;
    let mut call = session.begin(&Revision::Legacy.progress_message("progresses")).await;
    server.bodies.wait_for_start(1).await;
    let bodies = server.bodies.clone();
    let stopped = server.begin_shutdown();
    stream.ended().await;
    bodies.release(1);
    let mut last = json!(null);
    while let Some((_, message)) = call.next().await {
        last = message;
    }
    assert_eq!(last["result"]["content"][0]["text"], "done", "{last}");
    within_deadline("the server stops", stopped).await.unwrap().unwrap();
}

#[tokio::test]
async fn rmcps_client_uses_a_session() {
    let server = start().await;
    let client = connect_rmcp(&server.endpoint, "sam", Revision::Legacy).await;
    let tools = client.list_all_tools().await.unwrap();
    assert!(tools.iter().any(|tool| tool.name == "file_read"));
    let result = client.call_tool(rmcp::model::CallToolRequestParams::new("file_read")).await.unwrap();
    assert_eq!(result.content[0].as_text().map(|text| text.text.as_str()), Some("contents"));
    client.cancel().await.unwrap();
}
