//! Limits on sessions and their streams.

use reqwest::Method;
use serde_json::json;
use toolgate_tests::{Revision, eventually, send};

use crate::{
    client::{Session, try_open},
    start_with,
};

#[tokio::test]
async fn one_session_too_many_ends_the_callers_session_that_was_idle_for_the_longest_time() {
    let server = start_with(|server| server.sessions(|sessions| sessions.max_sessions_per_caller = 2)).await;
    let other = Session::open(&server, "harriet").await;
    let (first, second) = (Session::open(&server, "sam").await, Session::open(&server, "sam").await);
    assert!(first.call("file_read", json!({})).await.is_success());
    let third = Session::open(&server, "sam").await;
    assert_eq!(second.call("file_read", json!({})).await.status, 404);
    for session in [&first, &third] {
        assert!(session.call("file_read", json!({})).await.is_success());
    }
    assert!(other.call("request_info", json!({})).await.is_success());
}

#[tokio::test]
async fn sessions_in_use_are_not_replaced() {
    let server = start_with(|server| server.sessions(|sessions| sessions.max_sessions_per_caller = 2)).await;
    let sessions = [Session::open(&server, "sam").await, Session::open(&server, "sam").await];
    let streams = [sessions[0].stream().await, sessions[1].stream().await];
    let response = try_open(&server, "sam").await;
    assert_eq!((response.status, response.header("retry-after")), (429, "1"), "{response:?}");
    assert!(response.header("mcp-session-id").is_empty());
    for session in &sessions {
        assert!(session.call("file_read", json!({})).await.is_success());
    }
    drop(streams);
    eventually("a session can be opened", async || try_open(&server, "sam").await.status == 200).await;
}

#[tokio::test]
async fn the_number_of_sessions_is_limited() {
    let server = start_with(|server| server.sessions(|sessions| sessions.max_sessions = 2)).await;
    let first = Session::open(&server, "sam").await;
    Session::open(&server, "harriet").await;
    assert_eq!(try_open(&server, "service-one").await.status, 429);
    assert_eq!(first.delete().await.status, 204);
    assert_eq!(try_open(&server, "service-one").await.status, 200);
}

#[tokio::test]
async fn an_initialize_that_fails_opens_no_session() {
    let server = start_with(|server| server.sessions(|sessions| sessions.max_sessions = 1)).await;
    let client = server.client_with("sam", Revision::Legacy);
    for _ in 0..3 {
        let response = client.send_method("initialize", json!({ "protocolVersion": 7 })).await;
        assert!(!response.is_success() && response.header("mcp-session-id").is_empty(), "{response:?}");
    }
    Session::open(&server, "harriet").await;
}

#[tokio::test]
async fn streams_have_a_limit_of_their_own_and_take_no_place_from_requests() {
    let server = start_with(|server| {
        server.limits(|limits| {
            limits.max_streams_per_caller = 2;
            limits.max_requests_per_caller = 1;
        })
    })
    .await;
    let session = Session::open(&server, "sam").await;
    let streams = [session.stream().await, Session::open(&server, "sam").await.stream().await];
    let third = Session::open(&server, "sam").await;
    let response = send(third.request(Method::GET)).await;
    assert_eq!((response.status, response.header("retry-after")), (429, "1"), "{response:?}");
    assert!(session.call("file_read", json!({})).await.is_success());
    drop(streams);
    eventually("a stream can be opened", async || {
        third.request(Method::GET).send().await.is_ok_and(|response| response.status() == 200)
    })
    .await;
}

#[tokio::test]
async fn a_call_is_in_flight_until_it_ends_although_its_client_disconnected() {
    let server = start_with(|server| server.limits(|limits| limits.max_requests_per_caller = 1)).await;
    let session = Session::open(&server, "sam").await;
    let call = session.begin(&Revision::Legacy.progress_message("progresses")).await;
    server.bodies.wait_for_start(1).await;
    drop(call);
    for _ in 0..3 {
        assert_eq!(session.call("file_read", json!({})).await.status, 429);
    }
    server.bodies.release(1);
    eventually("the call ends", async || session.call("file_read", json!({})).await.status == 200).await;
}
