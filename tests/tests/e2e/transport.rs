//! Streamable HTTP: hosts, origins, headers that repeat the body, methods and media types.

use serde_json::json;
use toolgate_tests::{Reply, Revision, TestServer, http, raw_exchange, tokens};

async fn with_header(server: &TestServer, revision: Revision, name: &str, value: &str) -> Reply {
    let client = server.client_with("everything", revision);
    let message = client.call_message("surroundings", &json!({}));
    Reply::to(client.request(&message).header(name, value)).await
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
            let reply = with_header(&server, revision, "Origin", origin).await;
            assert_eq!(reply.status, 403, "{origin:?} {revision}: {reply:?}");
            assert_eq!(reply.header("access-control-allow-origin"), "");
        }
    }
    assert_eq!(server.probe.runs(), 0);
}

#[tokio::test]
async fn h1_the_servers_own_origin_and_configured_ones_pass() {
    let server = TestServer::with(|server| server.auth(tokens()).allow_origin("https://app.example.com")).await;
    for revision in Revision::BOTH {
        for origin in [&*server.base, "http://localhost:6274", "https://app.example.com"] {
            let reply = with_header(&server, revision, "Origin", origin).await;
            assert!(reply.is_success(), "{origin} {revision}: {reply:?}");
        }
        let reply = with_header(&server, revision, "Origin", "http://app.example.com").await;
        assert_eq!(reply.status, 403, "another scheme is another origin");
    }
}

#[tokio::test]
async fn h1_a_foreign_host_gets_403() {
    let server = TestServer::start().await;
    let body = server.client(Revision::Legacy).call_message("surroundings", &json!({})).to_string();
    for host in ["evil.example", "127.0.0.1.evil.example", "evil@127.0.0.1", "127.0.0.1, evil.example"] {
        let request = format!(
            "POST /mcp HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer everything\r\n\
             Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n\
             Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let response = exchange_bytes(&server, request.as_bytes()).await;
        let refused = ["HTTP/1.1 403 ", "HTTP/1.1 400 "].iter().any(|status| response.starts_with(status));
        assert!(refused, "{host}: {response}");
    }
    assert_eq!(server.probe.runs(), 0);
}

async fn exchange_bytes(server: &TestServer, request: &[u8]) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut response = String::new();
    let read = stream.read_to_string(&mut response);
    tokio::time::timeout(toolgate_tests::PATIENCE, read).await.unwrap().unwrap();
    response
}

#[tokio::test]
async fn h3_headers_that_disagree_with_the_body_get_400_and_32020() {
    let server = TestServer::start().await;
    let client = server.client_with("everything", Revision::Modern);
    let body = client.call_message("surroundings", &json!({})).to_string();
    let cases: [(&str, &[(&str, &str)]); 7] = [
        ("another method", &[("Mcp-Method", "tools/list"), ("Mcp-Name", "surroundings")]),
        ("another name", &[("Mcp-Method", "tools/call"), ("Mcp-Name", "people_search")]),
        ("no method", &[("Mcp-Name", "surroundings")]),
        ("no name", &[("Mcp-Method", "tools/call")]),
        ("neither", &[]),
        ("two names", &[("Mcp-Method", "tools/call"), ("Mcp-Name", "surroundings"), ("Mcp-Name", "people_search")]),
        ("no Base64", &[("Mcp-Method", "tools/call"), ("Mcp-Name", "=?base64?!?=")]),
    ];
    for (what, headers) in cases {
        let mut request = client.bare_post(body.clone());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let reply = Reply::to(request).await;
        assert_eq!((reply.status, reply.error_code()), (400, Some(-32020)), "{what}: {reply:?}");
        assert_eq!(reply.json()["id"], 1, "{what}");
    }
    assert_eq!(server.probe.runs(), 0);
}

#[tokio::test]
async fn h3_a_version_header_that_disagrees_with_the_body_gets_400_and_32020() {
    let server = TestServer::start().await;
    let client = server.client_with("everything", Revision::Modern);
    let mut message = client.call_message("surroundings", &json!({}));
    message["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2025-11-25".into();
    let reply = client.send(&message).await;
    assert_eq!((reply.status, reply.error_code()), (400, Some(-32020)), "{reply:?}");
    // The other way round: the header is the old one, the body the new one.
    let message = client.call_message("surroundings", &json!({}));
    let reply = server.client_with("everything", Revision::Legacy).send(&message).await;
    assert_eq!((reply.status, reply.error_code()), (400, Some(-32020)), "{reply:?}");
    assert_eq!(server.probe.runs(), 0);
}

#[tokio::test]
async fn h3_a_version_that_nobody_knows_gets_400() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = server.client_with("everything", revision);
        let mut message = client.call_message("surroundings", &json!({}));
        if revision == Revision::Modern {
            message["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2099-01-01".into();
        }
        let request = client.request(&message).build().unwrap();
        let mut headers = request.headers().clone();
        headers.insert("mcp-protocol-version", "2099-01-01".parse().unwrap());
        let reply = Reply::to(http().post(&server.endpoint).headers(headers).body(message.to_string()));
        assert_eq!(reply.await.status, 400, "{revision}");
    }
    assert_eq!(server.probe.runs(), 0);
}

#[tokio::test]
async fn h3_the_decision_is_made_from_the_body_whatever_the_headers_say() {
    let server = TestServer::start().await;
    let client = server.client_with("public", Revision::Modern);
    let body = client.call_message("people_private", &json!({})).to_string();
    for (method, name) in [("tools/call", "people_search"), ("tools/list", "x"), ("ping", "people_private")] {
        let request = client.bare_post(body.clone()).header("Mcp-Method", method).header("Mcp-Name", name);
        let reply = Reply::to(request).await;
        assert_eq!(reply.status, 403, "{method} {name}: {reply:?}");
        assert_eq!(reply.must_challenge().scopes(), ["people:read:private", "people:read:public"]);
    }
    assert_eq!(server.probe.runs(), 0);
}

#[tokio::test]
async fn other_http_methods_are_405_for_callers_and_401_for_everybody_else() {
    let server = TestServer::start().await;
    for method in ["GET", "DELETE", "PUT", "PATCH", "HEAD"] {
        let head =
            |token: &str| format!("{method} /mcp HTTP/1.1\nAccept: application/json, text/event-stream\n{token}");
        let reply = raw_exchange(server.address, &head(""), "").await;
        assert_eq!(reply.status, 401, "{method}: {reply:?}");
        let reply = raw_exchange(server.address, &head("Authorization: Bearer everything"), "").await;
        assert_eq!(reply.status, 405, "{method}: {reply:?}");
    }
}

#[tokio::test]
async fn media_types_that_are_not_mcps_are_refused() {
    let server = TestServer::start().await;
    let client = server.client(Revision::Legacy);
    let body = client.call_message("surroundings", &json!({})).to_string();
    let post = |content_type: &str, accept: &str| {
        format!(
            "POST /mcp HTTP/1.1\nAuthorization: Bearer everything\nContent-Type: {content_type}\nAccept: {accept}\n\
             MCP-Protocol-Version: 2025-11-25"
        )
    };
    let both = "application/json, text/event-stream";
    for (content_type, accept, status) in [
        ("text/plain", both, 415),
        ("application/json-patch+json", both, 415),
        ("multipart/form-data", both, 415),
        ("application/json", "text/html", 406),
        ("application/json", "application/json", 406),
        ("application/json; charset=utf-8", both, 200),
    ] {
        let reply = raw_exchange(server.address, &post(content_type, accept), &body).await;
        assert_eq!(reply.status, status, "{content_type}, {accept}: {reply:?}");
    }
    assert_eq!(server.probe.runs(), 1);
}

#[tokio::test]
async fn a_content_type_does_not_lead_past_the_gate() {
    let server = TestServer::start().await;
    let client = server.client(Revision::Legacy);
    let body = client.call_message("people_private", &json!({})).to_string();
    for content_type in [
        "application/json",
        "APPLICATION/JSON",
        "application/json;a=b",
        " application/json ",
        "application/json\t;",
        "text/plain",
        "application/json, text/plain",
    ] {
        let head = format!(
            "POST /mcp HTTP/1.1\nAuthorization: Bearer public\nContent-Type: {content_type}\n\
             Accept: application/json, text/event-stream\nMCP-Protocol-Version: 2025-11-25"
        );
        let reply = raw_exchange(server.address, &head, &body).await;
        assert!(matches!(reply.status, 403 | 415), "{content_type:?}: {reply:?}");
    }
    assert_eq!(server.probe.runs(), 0);
}

#[tokio::test]
async fn a_browser_client_can_read_the_challenge() {
    let server = TestServer::start().await;
    let reply =
        Reply::to(server.client(Revision::Modern).bare_post("{}").header("Origin", "http://localhost:6274")).await;
    assert_eq!(reply.status, 401);
    assert_eq!(reply.header("access-control-allow-origin"), "http://localhost:6274");
    assert!(reply.header("access-control-expose-headers").to_lowercase().contains("www-authenticate"));
}

#[tokio::test]
async fn h1_a_preflight_from_a_foreign_origin_is_not_allowed_to_go_on() {
    let server = TestServer::start().await;
    for (origin, allowed) in [("https://evil.example", false), ("http://localhost:6274", true)] {
        let request = http()
            .request(reqwest::Method::OPTIONS, &server.endpoint)
            .header("Origin", origin)
            .header("Access-Control-Request-Method", "POST")
            .header("Access-Control-Request-Headers", "authorization, content-type, mcp-protocol-version");
        let reply = Reply::to(request).await;
        assert_eq!(reply.header("access-control-allow-origin") == origin, allowed, "{origin}: {reply:?}");
        assert_ne!(reply.header("access-control-allow-origin"), "*");
    }
}
