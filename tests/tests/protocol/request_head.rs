//! Request heads that parsers read differently (RFC 9112): line ends, `Host`, and targets in absolute form.

use std::net::SocketAddr;

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use toolgate::auth::StaticTokens;
use toolgate_tests::{Revision, TestServer, WithWebhooks, read_to_end, tokens, within_deadline};

/// Routes with handlers of different parts of the server, and one that does not exist.
const TARGETS: [&str; 5] =
    ["/mcp", "/healthz", "/.well-known/oauth-protected-resource/mcp", "/webhooks/propelauth", "/unknown"];

/// Sends bytes and returns the status of each response until the server closes the connection.
async fn statuses(address: SocketAddr, bytes: &str) -> Vec<String> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let responses = read_to_end(&mut stream).await;
    responses.split("HTTP/1.1 ").skip(1).map(|response| response[..3].to_owned()).collect()
}

async fn start() -> TestServer {
    TestServer::with(|server| server.auth(WithWebhooks::new(StaticTokens::new()))).await
}

#[tokio::test]
async fn a_request_without_exactly_one_host_gets_400_on_every_route() {
    let server = start().await;
    let host = format!("Host: {}\r\n", server.address);
    for target in TARGETS {
        for hosts in [&host.repeat(2), &format!("{host}Host: other.example\r\n"), &format!("host: a\r\n{host}"), ""] {
            // Without `Connection: close`, the server has to close the connection itself.
            let request = format!("POST {target} HTTP/1.1\r\n{hosts}Content-Length: 0\r\n\r\n");
            assert_eq!(statuses(server.address, &request).await, ["400"], "{request}");
        }
    }
}

#[tokio::test]
async fn a_target_of_another_host_gets_400_on_every_route() {
    let server = start().await;
    let own = server.address.to_string();
    for path in TARGETS {
        for (authority, host) in [
            ("other.example", own.as_str()),
            ("other.example", "other.example"),
            (&own, "other.example"),
            (&format!("user@{own}"), &own),
            (&format!("user@{own}"), &format!("user@{own}")),
        ] {
            let request =
                format!("POST http://{authority}{path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n");
            assert_eq!(statuses(server.address, &request).await, ["400"], "{request}");
        }
    }
    let own_target = format!("GET http://{own}/healthz HTTP/1.1\r\nHost: {own}\r\nConnection: close\r\n\r\n");
    assert_eq!(statuses(server.address, &own_target).await, ["200"], "RFC 9112, section 3.2.2");
}

#[tokio::test]
async fn a_health_probe_may_name_any_host() {
    let server = start().await;
    for head in
        ["HTTP/1.1\r\nHost: 10.0.0.1:8000\r\nConnection: close", "HTTP/1.1\r\nHost:\r\nConnection: close", "HTTP/1.0"]
    {
        let request = format!("GET /healthz {head}\r\n\r\n");
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let response = read_to_end(&mut stream).await;
        assert!(response.contains(" 200 OK\r\n"), "{request}{response}");
    }
}

#[tokio::test]
async fn a_head_with_a_bare_lf_gets_400_on_every_route() {
    let server = start().await;
    let address = server.address;
    for target in TARGETS {
        let head = format!("POST {target} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\n\r\n");
        for (at, _) in head.match_indices("\r\n") {
            let bare = format!("{}{}", &head[..at], &head[at + 1..]);
            assert_eq!(statuses(address, &bare).await, ["400"], "{bare:?}");
        }
        assert_eq!(statuses(address, &head.replace("\r\n", "\n")).await, ["400"]);
        assert_eq!(statuses(address, &format!("\n{head}")).await, ["400"]);
        assert_eq!(statuses(address, &format!("\r\n\r\n{}", head.replace("\r\n", "\n"))).await, ["400"]);
    }
}

#[tokio::test]
async fn every_head_of_a_connection_is_checked() {
    let server = TestServer::start().await;
    let body = serde_json::to_string_pretty(&Revision::Legacy.call_message("request_info", &json!({}))).unwrap();
    let headers = Revision::Legacy.headers().map(|(name, value)| format!("{name}: {value}\r\n")).concat();
    let head = format!(
        "POST /mcp HTTP/1.1\r\nHost: {}\r\n{headers}Authorization: Bearer everything\r\nContent-Length: {}\r\n\r\n",
        server.address,
        body.len()
    );
    assert!(body.contains('\n') && !body.contains('\r'), "a bare LF in a body is data");
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    // The body arrives with the head, in parts, or one byte at a time.
    let request = format!("{head}{body}");
    for parts in [vec![request.as_str()], vec![&head, &body], request.split_inclusive(|_| true).collect()] {
        for part in parts {
            stream.write_all(part.as_bytes()).await.unwrap();
        }
        assert_eq!(read_status(&mut stream).await, "200");
    }
    stream.write_all(request.replacen("\r\n", "\n", 1).as_bytes()).await.unwrap();
    assert!(read_to_end(&mut stream).await.starts_with("HTTP/1.1 400 "));
    assert_eq!(server.bodies.runs(), 3);
}

/// Reads one response and returns its status.
async fn read_status(stream: &mut TcpStream) -> String {
    let mut response = String::new();
    let read = async {
        loop {
            if let Some((head, body)) = response.split_once("\r\n\r\n") {
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
                if body.len() >= length.parse().unwrap() {
                    return response[9..12].to_owned();
                }
            }
            let mut bytes = [0; 4096];
            let length = stream.read(&mut bytes).await.unwrap();
            assert!(length > 0, "the server keeps the connection open: {response}");
            response.push_str(str::from_utf8(&bytes[..length]).unwrap());
        }
    };
    within_deadline("a response", read).await
}

#[tokio::test]
async fn a_request_behind_another_one_is_not_served_unchecked() {
    let server = TestServer::with(|server| server.auth(tokens())).await;
    let first = format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
    let bare = first.replace("\r\n", "\n");
    // A client may send its next request early, and sends it again if the connection ends (RFC 9112, section 9.3.2).
    assert_eq!(statuses(server.address, &format!("{first}{bare}")).await, ["200"]);
    let chunked = first.replace("\r\n\r\n", "\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    assert_eq!(statuses(server.address, &format!("{chunked}{bare}")).await, ["200"]);
    assert_eq!(statuses(server.address, &chunked).await, ["200"], "the server closes the connection");
}
