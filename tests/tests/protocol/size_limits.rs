//! Bodies, headers and tokens that are too large.

use serde_json::json;
use tokio::io::AsyncReadExt;
use toolgate_tests::{RawRequest, Revision, TestServer, tokens, within_deadline};

use crate::assert_responds;

#[tokio::test]
async fn a_body_of_10_mib_gets_413() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = server.client_with("everything", revision);
        let body = revision.call_message("request_info", &json!({ "padding": "x".repeat(10 << 20) }));
        // The server may close the connection before it has read the body, which a client may report as an error.
        if let Ok(response) = client.post("request_info", body.to_string()).send().await {
            assert_eq!(response.status(), 413);
        }
        // The body exceeds the default limit of 4 MiB, so the server must respond before the rest arrives.
        let request = RawRequest::mcp(revision).token("everything").header("Content-Length", 10 << 20);
        let mut stream = request.body("x".repeat((4 << 20) + 1)).open(server.address).await;
        let mut status_line = [0; 13];
        within_deadline("the server responds", stream.read_exact(&mut status_line)).await.unwrap();
        assert_eq!(str::from_utf8(&status_line).unwrap(), "HTTP/1.1 413 ");
        assert_eq!(server.bodies.runs(), 0);
        assert_responds(&server).await;
    }
}

#[tokio::test]
async fn a_body_of_unknown_length_over_the_limit_gets_413() {
    let server = TestServer::with(|server| server.auth(tokens()).http(|http| http.max_body_bytes = 2000)).await;
    for revision in Revision::BOTH {
        let client = server.client_with("everything", revision);
        let small = revision.call_message("request_info", &json!({}));
        assert!(client.send(&small).await.is_success());
        let body = revision.call_message("request_info", &json!({ "padding": "x".repeat(3000) }));
        let response = client.send(&body).await;
        assert_eq!(response.status, 413, "{response:?}");
        assert_eq!(response.json()["error"], "request_too_large");
    }
    let chunk = "x".repeat(3000);
    let body = format!("{:x}\r\n{chunk}\r\n0\r\n\r\n", chunk.len());
    let request = RawRequest::mcp(Revision::Legacy).token("everything").header("Transfer-Encoding", "chunked");
    let response = request.body(body).send(server.address).await;
    assert_eq!(response.status, 413, "{response:?}");
    assert_eq!(server.bodies.runs(), 2);
    assert_responds(&server).await;
}

#[tokio::test]
async fn a_header_of_64_kib_gets_a_4xx_other_than_401() {
    let server = TestServer::start().await;
    let long = "a".repeat(64 * 1024);
    let body = Revision::Legacy.call_message("request_info", &json!({})).to_string();
    let call = RawRequest::mcp(Revision::Legacy).body(body);
    for request in [call.clone().token(&long), call.token("everything").header("X-Other", &long)] {
        let response = request.send(server.address).await;
        assert!((400..500).contains(&response.status), "{} {}", response.status, response.text);
        assert_ne!(response.status, 401, "a client discards its token on 401");
    }
    assert_eq!(server.bodies.runs(), 0);
    assert_responds(&server).await;
}

#[tokio::test]
async fn an_overlong_token_gets_400() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        // Its length is within the limit of the server, and the token is unknown.
        let longest = server.client_with(&"a".repeat(16 * 1024), revision).list().await;
        assert_eq!(longest.status, 401, "{longest:?}");
        let client = server.client_with(&"a".repeat(16 * 1024 + 1), revision);
        let response = client.call("request_info", json!({})).await;
        assert_eq!(response.status, 400, "{response:?}");
        assert_eq!(response.expect_challenge().get("error"), "invalid_request");
    }
    assert_eq!(server.bodies.runs(), 0);
}

#[tokio::test]
async fn the_maximum_length_of_a_token_is_a_setting() {
    let server = TestServer::with(|server| server.auth(tokens()).http(|http| http.max_token_bytes = 3)).await;
    assert_eq!(server.client_with("abc", Revision::Modern).list().await.status, 401);
    assert_eq!(server.client_with("abcd", Revision::Modern).list().await.status, 400);
}
