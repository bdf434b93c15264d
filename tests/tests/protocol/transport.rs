//! Streamable HTTP: `Host`, `Origin`, headers that repeat the body, HTTP methods and media types.

use serde_json::json;
use toolgate_tests::{HttpResponse, RawRequest, Revision, TestServer, http_client, send, tokens};

/// A call in revision 2025-11-25, without a token.
fn call(tool: &str) -> RawRequest {
    let body = Revision::Legacy.call_message(tool, &json!({})).to_string();
    RawRequest::mcp(Revision::Legacy).body(body)
}

async fn send_with_header(server: &TestServer, revision: Revision, name: &str, value: &str) -> HttpResponse {
    let client = server.client_with("everything", revision);
    let message = revision.call_message("request_info", &json!({}));
    send(client.request(&message).header(name, value)).await
}

#[tokio::test]
async fn h1_a_foreign_origin_gets_403() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        for origin in [
            "https://evil.example",
            "http://127.0.0.1.evil.example",
            "http://localhost.evil.example",
            "http://evil.example:80@127.0.0.1.example",
            "null",
            "file://",
            "chrome-extension://abc",
            "",
        ] {
            let response = send_with_header(&server, revision, "Origin", origin).await;
            assert_eq!(response.status, 403, "{origin:?} {revision}: {response:?}");
            assert_eq!(response.header("access-control-allow-origin"), "");
        }
    }
    assert_eq!(server.bodies.runs(), 0);
}

#[tokio::test]
async fn h1_the_own_origin_and_configured_origins_are_accepted() {
    let server = TestServer::with(|server| {
        server.auth(tokens()).http(|http| http.allowed_origins.push("https://app.example.com".to_owned()))
    })
    .await;
    for revision in Revision::BOTH {
        for origin in [&*server.url, "http://localhost:6274", "https://app.example.com"] {
            let response = send_with_header(&server, revision, "Origin", origin).await;
            assert!(response.is_success(), "{origin} {revision}: {response:?}");
        }
        let response = send_with_header(&server, revision, "Origin", "http://app.example.com").await;
        assert_eq!(response.status, 403, "the scheme is part of the origin");
    }
}

#[tokio::test]
async fn h1_a_foreign_host_gets_403() {
    let server = TestServer::start().await;
    let request = call("request_info").token("everything");
    for host in ["evil.example", "127.0.0.1.evil.example", "evil@127.0.0.1", "127.0.0.1, evil.example"] {
        let response = request.clone().header("Host", host).send(server.address).await;
        assert_eq!(response.status, 403, "{host}: {response:?}");
    }
    assert_eq!(server.bodies.runs(), 0);
}

#[tokio::test]
async fn h3_headers_that_disagree_with_the_body_get_400_and_32020() {
    let server = TestServer::start().await;
    let client = server.client_with("everything", Revision::Modern);
    let body = Revision::Modern.call_message("request_info", &json!({})).to_string();
    let cases: [(&str, &[(&str, &str)]); 7] = [
        ("another method", &[("Mcp-Method", "tools/list"), ("Mcp-Name", "request_info")]),
        ("another name", &[("Mcp-Method", "tools/call"), ("Mcp-Name", "people_search")]),
        ("no method", &[("Mcp-Name", "request_info")]),
        ("no name", &[("Mcp-Method", "tools/call")]),
        ("neither", &[]),
        ("two names", &[("Mcp-Method", "tools/call"), ("Mcp-Name", "request_info"), ("Mcp-Name", "people_search")]),
        ("invalid Base64", &[("Mcp-Method", "tools/call"), ("Mcp-Name", "=?base64?!?=")]),
    ];
    for (what, headers) in cases {
        let mut request = client.bare_post(body.clone());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = send(request).await;
        assert_eq!((response.status, response.error_code()), (400, Some(-32020)), "{what}: {response:?}");
        assert_eq!(response.json()["id"], 1, "{what}");
    }
    assert_eq!(server.bodies.runs(), 0);
}

#[tokio::test]
async fn h3_a_version_header_that_disagrees_with_the_body_gets_400_and_32020() {
    let server = TestServer::start().await;
    let client = server.client_with("everything", Revision::Modern);
    let mut message = Revision::Modern.call_message("request_info", &json!({}));
    message["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2025-11-25".into();
    let response = client.send(&message).await;
    assert_eq!((response.status, response.error_code()), (400, Some(-32020)), "{response:?}");
    // The header has the earlier revision, the body the later one.
    let message = Revision::Modern.call_message("request_info", &json!({}));
    let response = server.client_with("everything", Revision::Legacy).send(&message).await;
    assert_eq!((response.status, response.error_code()), (400, Some(-32020)), "{response:?}");
    assert_eq!(server.bodies.runs(), 0);
}

#[tokio::test]
async fn h3_an_unsupported_protocol_version_gets_400() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = server.client_with("everything", revision);
        let mut message = revision.call_message("request_info", &json!({}));
        if revision == Revision::Modern {
            message["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2099-01-01".into();
        }
        let request = client.request(&message).build().unwrap();
        let mut headers = request.headers().clone();
        headers.insert("mcp-protocol-version", "2099-01-01".parse().unwrap());
        let response = send(http_client().post(&server.endpoint).headers(headers).body(message.to_string()));
        assert_eq!(response.await.status, 400, "{revision}");
    }
    assert_eq!(server.bodies.runs(), 0);
}

#[tokio::test]
async fn h3_the_decision_is_made_from_the_body_and_not_from_headers() {
    let server = TestServer::start().await;
    let client = server.client_with("public", Revision::Modern);
    let body = Revision::Modern.call_message("people_private", &json!({})).to_string();
    for (method, name) in [("tools/call", "people_search"), ("tools/list", "x"), ("ping", "people_private")] {
        let request = client.bare_post(body.clone()).header("Mcp-Method", method).header("Mcp-Name", name);
        let response = send(request).await;
        assert_eq!(response.status, 403, "{method} {name}: {response:?}");
        assert_eq!(response.expect_challenge().scopes(), ["people:read:private", "people:read:public"]);
    }
    assert_eq!(server.bodies.runs(), 0);
}

#[tokio::test]
async fn other_http_methods_get_405_with_a_token_and_401_without() {
    let server = TestServer::start().await;
    for method in ["GET", "DELETE", "PUT", "PATCH", "HEAD"] {
        let request = RawRequest::new(method, "/mcp").header("Accept", "application/json, text/event-stream");
        let response = request.clone().send(server.address).await;
        assert_eq!(response.status, 401, "{method}: {response:?}");
        let response = request.token("everything").send(server.address).await;
        assert_eq!(response.status, 405, "{method}: {response:?}");
    }
}

#[tokio::test]
async fn unsupported_media_types_are_rejected() {
    let server = TestServer::start().await;
    let request = call("request_info").token("everything");
    let both = "application/json, text/event-stream";
    for (content_type, accept, status) in [
        ("text/plain", both, 415),
        ("application/json-patch+json", both, 415),
        ("multipart/form-data", both, 415),
        ("application/json", "text/html", 406),
        ("application/json", "application/json", 200),
        ("application/json; charset=utf-8", both, 200),
    ] {
        let request = request.clone().replace_header("Content-Type", content_type).replace_header("Accept", accept);
        let response = request.send(server.address).await;
        assert_eq!(response.status, status, "{content_type}, {accept}: {response:?}");
    }
    assert_eq!(server.bodies.runs(), 2);
}

#[tokio::test]
async fn no_content_type_bypasses_the_gate() {
    let server = TestServer::start().await;
    let request = call("people_private").token("public");
    for content_type in [
        "application/json",
        "APPLICATION/JSON",
        "application/json;a=b",
        " application/json ",
        "application/json\t;",
        "text/plain",
        "application/json, text/plain",
    ] {
        let response = request.clone().replace_header("Content-Type", content_type).send(server.address).await;
        assert!(matches!(response.status, 403 | 415), "{content_type:?}: {response:?}");
    }
    assert_eq!(server.bodies.runs(), 0);
}

#[tokio::test]
async fn a_browser_client_can_read_the_challenge() {
    let server = TestServer::start().await;
    let request = server.client(Revision::Modern).bare_post("{}").header("Origin", "http://localhost:6274");
    let response = send(request).await;
    assert_eq!(response.status, 401);
    assert_eq!(response.header("access-control-allow-origin"), "http://localhost:6274");
    assert!(response.header("access-control-expose-headers").to_lowercase().contains("www-authenticate"));
}

#[tokio::test]
async fn h1_a_cors_preflight_allows_only_the_allowed_origins() {
    let server = TestServer::start().await;
    for (origin, allowed) in [("https://evil.example", false), ("http://localhost:6274", true)] {
        let request = http_client()
            .request(reqwest::Method::OPTIONS, &server.endpoint)
            .header("Origin", origin)
            .header("Access-Control-Request-Method", "POST")
            .header("Access-Control-Request-Headers", "authorization, content-type, mcp-protocol-version");
        let response = send(request).await;
        assert_eq!(response.header("access-control-allow-origin") == origin, allowed, "{origin}: {response:?}");
        assert_ne!(response.header("access-control-allow-origin"), "*");
    }
}
