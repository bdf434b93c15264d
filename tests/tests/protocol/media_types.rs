//! Media types, content codings and HTTP methods: what the endpoint takes, what clients accept, and errors as JSON.

use serde_json::json;
use toolgate_tests::{HttpResponse, RawRequest, Revision, TestServer};

/// A request of a method in a revision, without `Accept`.
fn request(revision: Revision, method: &str, name: Option<&str>) -> RawRequest {
    let params = name.map_or(json!({}), |name| json!({ "name": name, "arguments": {} }));
    let body = revision.message(method, params).to_string();
    let mut request = RawRequest::new("POST", "/mcp")
        .header("Content-Type", "application/json")
        .header("MCP-Protocol-Version", revision.name())
        .token("everything")
        .body(body);
    if revision == Revision::Modern {
        request = request.header("Mcp-Method", method);
        if let Some(name) = name {
            request = request.header("Mcp-Name", name);
        }
    }
    request
}

/// Asserts that a response is JSON: a JSON-RPC error, or an object with the members of an OAuth error.
fn assert_json_error(response: &HttpResponse, what: &str) {
    assert_eq!(response.header("content-type"), "application/json", "{what}: {response:?}");
    let body = response.json();
    let text = body["error"]["message"].as_str().or(body["error_description"].as_str()).unwrap_or_default();
    assert!(text.split(' ').count() >= 4, "{what}: {response:?}");
}

#[tokio::test]
async fn a_client_that_accepts_json_gets_json() {
    let server = TestServer::start().await;
    let accepted: [&[&str]; 10] = [
        &[],
        &[""],
        &["*/*"],
        &["application/json"],
        &["application/*"],
        &["APPLICATION/JSON; charset=utf-8"],
        &["text/html, application/xhtml+xml, */*;q=0.8"],
        &["application/json;q=0.5, text/event-stream;q=0"],
        &["text/event-stream", "application/json"],
        &["application/json", "text/html"],
    ];
    for revision in Revision::BOTH {
        for (method, name) in
            [("tools/list", None), ("tools/call", Some("file_read")), ("tools/call", Some("request_info"))]
        {
            for values in accepted {
                let request = request(revision, method, name);
                let request = values.iter().fold(request, |request, value| request.header("Accept", value));
                let response = request.send(server.address).await;
                assert!(response.is_success(), "{revision} {method} {values:?}: {response:?}");
                assert_eq!(response.header("content-type"), "application/json", "{values:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_client_that_does_not_accept_json_gets_406() {
    let server = TestServer::start().await;
    let refused: [&[&str]; 6] = [
        &["text/html"],
        &["text/event-stream"],
        &["application/json;q=0"],
        &["*/*;q=0.0"],
        &["*/*, application/json;q=0"],
        &["text/*", "image/png"],
    ];
    for revision in Revision::BOTH {
        for name in ["file_read", "request_info"] {
            for values in refused {
                let request = request(revision, "tools/call", Some(name));
                let request = values.iter().fold(request, |request, value| request.header("Accept", value));
                let response = request.send(server.address).await;
                assert_eq!((response.status, response.error_code()), (406, Some(-32600)), "{values:?}: {response:?}");
                assert_eq!(response.json()["id"], 1);
                assert_json_error(&response, "Accept");
            }
        }
    }
    assert_eq!(server.bodies.runs(), 0);
}

#[tokio::test]
async fn a_client_that_accepts_no_stream_gets_the_result_without_notifications() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let message = revision.progress_message("progresses").to_string();
        for (accept, content_type) in
            [("application/json", "application/json"), ("application/json, text/event-stream", "text/event-stream")]
        {
            server.bodies.release(1);
            let request = request(revision, "tools/call", Some("progresses")).body(message.clone());
            let response = request.header("Accept", accept).send(server.address).await;
            assert_eq!(response.header("content-type"), content_type, "{response:?}");
            // A stream arrives in chunks, which this client does not decode.
            assert!(response.text.contains("done"), "{revision} {accept}: {response:?}");
            assert_eq!(response.text.contains("notifications/progress"), content_type == "text/event-stream");
        }
    }
}

#[tokio::test]
async fn a_content_coding_gets_415_and_the_coding_that_is_supported() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        for coding in ["gzip", "br", "zstd", "deflate, gzip", "identity, gzip", "x-unknown"] {
            let request = request(revision, "tools/call", Some("file_read")).header("Content-Encoding", coding);
            let response = request.send(server.address).await;
            assert_eq!(response.status, 415, "{coding}: {response:?}");
            assert_eq!(response.header("accept-encoding"), "identity");
            assert_json_error(&response, coding);
        }
        let two = request(revision, "tools/list", None).header("Content-Encoding", "identity");
        let response = two.clone().header("Content-Encoding", "gzip").send(server.address).await;
        assert_eq!(response.status, 415);
        assert!(two.send(server.address).await.is_success());
    }
    assert_eq!(server.bodies.runs(), 0);
}

#[tokio::test]
async fn every_4xx_of_the_transport_is_json() {
    let server = TestServer::start().await;
    let call = |revision| request(revision, "tools/call", Some("file_read"));
    for revision in Revision::BOTH {
        let other = |method: &str| RawRequest::new(method, "/mcp").token("everything");
        let body = revision.call_message("file_read", &json!({})).to_string();
        let requests = [
            ("GET", 405, other("GET").header("Accept", "text/event-stream")),
            ("GET with Last-Event-ID", 405, other("GET").header("Last-Event-ID", "1")),
            ("DELETE", 405, other("DELETE").header("Mcp-Session-Id", "s")),
            ("PUT", 405, other("PUT").body(body.clone())),
            ("Accept", 406, call(revision).header("Accept", "image/png")),
            ("Content-Type", 415, call(revision).replace_header("Content-Type", "text/plain")),
            ("no Content-Type", 415, other("POST").body(body.clone())),
            ("not a message", 400, call(revision).body("{}")),
            ("a response", 400, call(revision).body(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#)),
            ("an error", 400, call(revision).body(r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"m"}}"#)),
            ("a fractional id", 400, call(revision).body(body.replace("\"id\":1", "\"id\":1.5"))),
            ("a long header", 400, call(revision).header("Mcp-Session-Id", "x".repeat(257))),
        ];
        for (what, status, request) in requests {
            let response = request.send(server.address).await;
            assert_eq!(response.status, status, "{revision} {what}: {response:?}");
            assert_json_error(&response, what);
            assert_eq!(response.header("allow") == "POST", status == 405, "{what}: {response:?}");
        }
        let response = call(revision)
            .replace_header("Mcp-Method", "tools/list")
            .replace_header("MCP-Protocol-Version", "2026-07-28")
            .send(server.address)
            .await;
        assert_eq!(response.status, 400, "{response:?}");
        assert_json_error(&response, "headers that contradict the body");
    }
    assert_eq!(server.bodies.runs(), 0);
}

#[tokio::test]
async fn an_unsupported_revision_is_answered_with_the_supported_ones() {
    let server = TestServer::start().await;
    for version in ["2099-01-01", "1.0", "2025-11-25, 2026-07-28"] {
        let request = request(Revision::Legacy, "tools/call", Some("file_read"));
        let response = request.replace_header("MCP-Protocol-Version", version).send(server.address).await;
        assert_eq!((response.status, response.error_code()), (400, Some(-32022)), "{version}: {response:?}");
        assert_json_error(&response, version);
        let supported = response.json()["error"]["data"]["supported"].as_array().unwrap().clone();
        assert!(supported.contains(&json!("2025-11-25")) && supported.contains(&json!("2026-07-28")), "{response:?}");
    }
    assert_eq!(server.bodies.runs(), 0);
}

#[tokio::test]
async fn a_slash_at_the_end_of_the_endpoint_is_ignored() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let body = revision.message("tools/list", json!({})).to_string();
        let request = RawRequest::new("POST", "/mcp/").body(body);
        let mut request =
            revision.headers().into_iter().fold(request, |request, (name, value)| request.header(name, value));
        if revision == Revision::Modern {
            request = request.header("Mcp-Method", "tools/list");
        }
        assert_eq!(request.clone().send(server.address).await.status, 401);
        assert!(request.token("public").send(server.address).await.is_success());
    }
}
