//! Whom a session belongs to. Its ID does not authenticate.

use reqwest::Method;
use serde_json::json;
use toolgate_tests::{HttpResponse, Revision, send};

use crate::{client::Session, start};

/// Returns everything of a response that a client can compare.
fn parts(response: &HttpResponse) -> (u16, Vec<(String, String)>, String) {
    let headers = response.headers.iter().filter(|(name, _)| *name != "date");
    let headers = headers.map(|(name, value)| (name.to_string(), format!("{value:?}"))).collect();
    (response.status, headers, response.text.clone())
}

#[tokio::test]
async fn n1_the_session_of_another_caller_is_the_same_as_an_unknown_and_an_ended_one() {
    let server = start().await;
    let session = Session::open(&server, "sam").await;
    let service = Session::open(&server, "service-one").await;
    let ended = Session::open(&server, "harriet").await;
    assert_eq!(ended.delete().await.status, 204);
    let message = Revision::Legacy.call_message("request_info", &json!({}));
    let unknown = session.with("harriet", "Zm9yZ2VkLWZvcmdlZC1mb3JnZWQtZm9yZ2VkLWZvcmdlZA");
    let unknown_responses = [
        send(unknown.post(&message)).await,
        send(unknown.request(Method::GET)).await,
        send(unknown.request(Method::DELETE)).await,
    ];
    assert!(unknown_responses.iter().all(|response| response.status == 404), "{unknown_responses:?}");
    for other in [
        session.with("harriet", &session.id),
        session.with("sam-elsewhere", &session.id),
        session.with("service-one", &session.id),
        // Neither has a user, a client or an organization.
        service.with("service-two", &service.id),
        ended,
        session.with("harriet", ""),
        session.with("harriet", &"x".repeat(5000)),
    ] {
        let responses = [
            send(other.post(&message)).await,
            send(other.request(Method::GET)).await,
            send(other.request(Method::DELETE)).await,
        ];
        for (response, unknown) in responses.iter().zip(&unknown_responses) {
            assert_eq!(parts(response), parts(unknown));
        }
    }
    assert!(session.call("request_info", json!({})).await.is_success());
    assert!(service.call("request_info", json!({})).await.is_success());
}

#[tokio::test]
async fn an_id_without_a_valid_token_is_401() {
    let server = start().await;
    let session = Session::open(&server, "sam").await;
    for token in ["unknown", "sam-unknown"] {
        let other = session.with(token, &session.id);
        assert_eq!(other.call("request_info", json!({})).await.status, 401);
        assert_eq!(send(other.request(Method::GET)).await.status, 401);
        assert_eq!(other.delete().await.status, 401);
    }
    assert!(session.call("request_info", json!({})).await.is_success());
}

#[tokio::test]
async fn every_request_is_decided_with_its_own_token() {
    let server = start().await;
    let session = Session::open(&server, "sam").await;
    assert!(session.call("file_read", json!({})).await.is_success());
    // The next token of the same user and client has fewer scopes.
    let demoted = session.with("sam-demoted", &session.id);
    let response = demoted.call("file_read", json!({})).await;
    assert_eq!((response.status, response.error_code()), (403, Some(-32010)));
    assert!(!demoted.send_method("tools/list", json!({})).await.tool_names().contains(&"file_read".to_owned()));
    let response = demoted.call("request_info", json!({})).await;
    assert_eq!(response.result()["structuredContent"]["scopes"], json!([]));
    // A scope that the body requires is a challenge, too.
    let response = session.call("people_search", json!({ "private": true })).await;
    assert_eq!(response.status, 403, "{response:?}");
    assert_eq!(response.expect_challenge().scopes(), ["people:read:public", "people:read:private"]);
}

#[tokio::test]
async fn a_tool_does_not_see_the_id_of_its_session() {
    let server = start().await;
    let session = Session::open(&server, "sam").await;
    let response = session.call("request_info", json!({})).await;
    assert!(response.is_success() && !response.text.contains(&session.id), "{response:?}");
}
