//! Input that is too large.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use toolgate_tests::{PATIENCE, Revision, TestServer, raw_exchange, tokens};

async fn assert_alive(server: &TestServer) {
    for revision in Revision::BOTH {
        assert_eq!(server.client_with("public", revision).list().await.status, 200);
    }
}

#[tokio::test]
async fn a_body_of_10_mib_is_413() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = server.client_with("everything", revision);
        let body = client.call_message("surroundings", &json!({ "padding": "x".repeat(10 << 20) }));
        // The server may close while the body is still on its way, which a client may see as a broken connection.
        let answered = client.post("surroundings", body.to_string()).send().await;
        if let Ok(response) = answered {
            assert_eq!(response.status(), 413);
        }
        assert_eq!(server.probe.runs(), 0);
        assert_alive(&server).await;
    }
}

#[tokio::test]
async fn a_body_of_unknown_length_over_the_limit_is_413() {
    let server = TestServer::with(|server| server.auth(tokens()).max_body_bytes(2000)).await;
    for revision in Revision::BOTH {
        let client = server.client_with("everything", revision);
        let small = client.call_message("surroundings", &json!({}));
        assert!(client.send(&small).await.is_success());
        let body = client.call_message("surroundings", &json!({ "padding": "x".repeat(3000) }));
        let reply = client.send(&body).await;
        assert_eq!(reply.status, 413, "{reply:?}");
        assert_eq!(reply.json()["error"], "request_too_large");
    }
    let chunk = "x".repeat(3000);
    let body = format!("{:x}\r\n{chunk}\r\n0\r\n\r\n", chunk.len());
    let head = "POST /mcp HTTP/1.1\nAuthorization: Bearer everything\nContent-Type: application/json\n\
                Accept: application/json, text/event-stream\nTransfer-Encoding: chunked\n";
    let reply = chunked_exchange(&server, head, &body).await;
    assert!(reply.starts_with("HTTP/1.1 413 "), "{reply}");
    assert_eq!(server.probe.runs(), 2);
    assert_alive(&server).await;
}

async fn chunked_exchange(server: &TestServer, head: &str, body: &str) -> String {
    let mut stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let head = head.trim_end().replace('\n', "\r\n");
    let request = format!("{head}\r\nHost: {}\r\nConnection: close\r\n\r\n{body}", server.address);
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    let read = stream.read_to_string(&mut response);
    tokio::time::timeout(PATIENCE, read).await.unwrap().unwrap();
    response
}

#[tokio::test]
async fn a_header_of_64_kib_is_4xx() {
    let server = TestServer::start().await;
    let long = "a".repeat(64 * 1024);
    let body = server.client(Revision::Legacy).call_message("surroundings", &json!({})).to_string();
    for headers in
        [format!("Authorization: Bearer {long}"), format!("Authorization: Bearer everything\nX-Other: {long}")]
    {
        let head = format!(
            "POST /mcp HTTP/1.1\nContent-Type: application/json\nAccept: application/json, text/event-stream\n{headers}"
        );
        let reply = raw_exchange(server.address, &head, &body).await;
        assert!((400..500).contains(&reply.status), "{} {}", reply.status, reply.text);
        assert_ne!(reply.status, 401, "a client would throw its token away");
    }
    assert_eq!(server.probe.runs(), 0);
    assert_alive(&server).await;
}

#[tokio::test]
async fn an_authorization_header_that_is_longer_than_any_token_is_400() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = server.client_with(&"a".repeat(8193), revision);
        let reply = client.call("surroundings", json!({})).await;
        assert_eq!(reply.status, 400, "{reply:?}");
        assert_eq!(reply.must_challenge().get("error"), "invalid_request");
    }
    assert_eq!(server.probe.runs(), 0);
}
