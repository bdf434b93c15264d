//! Limits on requests in flight, concurrency, sizes and times.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use serde_json::json;
use tokio::{io::AsyncWriteExt, net::TcpStream};
use toolgate::{
    Server,
    auth::{BearerToken, Claims, Resource, TokenValidator, ValidationError, async_trait},
};
use toolgate_tests::{CapturedLog, Client, HttpResponse, RawRequest, Revision, TestServer, eventually, read_to_end};

use crate::{AnyToken, SHORT_TIMEOUT, spawn_call};

/// Validator that counts the validations.
#[derive(Clone, Default)]
struct Counting(Arc<AtomicUsize>);

#[async_trait]
impl TokenValidator for Counting {
    async fn validate(&self, token: &BearerToken, resource: &Resource) -> Result<Claims, ValidationError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        AnyToken.validate(token, resource).await
    }
}

async fn start(configure: impl FnOnce(Server) -> Server) -> TestServer {
    TestServer::with(|server| configure(server.auth(AnyToken))).await
}

/// Creates a client in revision 2026-07-28.
fn client_of(server: &TestServer, token: &str) -> Client {
    server.client_with(token, Revision::Modern)
}

fn assert_too_many_requests(response: &HttpResponse) {
    assert_eq!((response.status, response.header("retry-after")), (429, "1"), "{response:?}");
    assert_eq!(response.json()["error"], "too_many_requests");
    assert!(response.challenge().is_none(), "a 429 says nothing about the token");
}

#[tokio::test]
async fn requests_over_the_in_flight_limit_get_429_without_introspection() {
    for fast_path in [true, false] {
        let validator = Counting::default();
        let validations = Arc::clone(&validator.0);
        let server = TestServer::with(|server| {
            server.auth(validator).limits(|limits| limits.max_requests_in_flight = 2).fast_path(fast_path)
        })
        .await;
        let calls = [spawn_call(&server, "ann", "waits"), spawn_call(&server, "bob", "waits")];
        server.bodies.wait_for_start(2).await;
        let before = validations.load(Ordering::SeqCst);
        for token in ["ann", "carol"] {
            assert_too_many_requests(&client_of(&server, token).call("request_info", json!({})).await);
        }
        assert_eq!(
            server.client(Revision::Modern).list().await.status,
            401,
            "a request without a token takes no slot"
        );
        assert_eq!(validations.load(Ordering::SeqCst), before);
        server.bodies.release(2);
        for call in calls {
            assert!(call.await.unwrap().is_success());
        }
        assert!(client_of(&server, "carol").call("request_info", json!({})).await.is_success());
    }
}

#[tokio::test]
async fn one_caller_cannot_exceed_its_limit_with_several_tokens() {
    let server = start(|server| server.limits(|limits| limits.max_requests_per_caller = 2)).await;
    let calls = [spawn_call(&server, "ann-1", "waits"), spawn_call(&server, "ann-2", "waits")];
    server.bodies.wait_for_start(2).await;
    assert_too_many_requests(&client_of(&server, "ann-3").call("request_info", json!({})).await);
    assert!(client_of(&server, "bob").call("request_info", json!({})).await.is_success());
    server.bodies.release(2);
    for call in calls {
        assert!(call.await.unwrap().is_success());
    }
    assert!(client_of(&server, "ann-3").call("request_info", json!({})).await.is_success());
}

#[tokio::test]
async fn a_stream_is_in_flight_until_the_client_disconnects() {
    let server = start(|server| server.limits(|limits| limits.max_requests_in_flight = 1)).await;
    let request = client_of(&server, "ann").request(&Revision::Modern.progress_message("progresses"));
    let mut response = request.send().await.unwrap();
    assert!(response.chunk().await.unwrap().is_some());
    server.bodies.wait_for_start(1).await;
    let other = client_of(&server, "bob");
    assert_too_many_requests(&other.call("request_info", json!({})).await);
    drop(response);
    server.bodies.wait_for_end(1).await;
    eventually("the slot is free", async || other.call("request_info", json!({})).await.status == 200).await;
}

#[tokio::test]
async fn a_tool_runs_at_most_as_many_calls_as_its_concurrency() {
    for fast_path in [true, false] {
        let server = start(|server| server.fast_path(fast_path)).await;
        let first = spawn_call(&server, "ann", "waits_alone");
        server.bodies.wait_for_start(1).await;
        let other = client_of(&server, "bob");
        let second = other.call("waits_alone", json!({})).await;
        assert!(second.is_tool_error() && second.text_content().contains("busy"), "{second:?}");
        assert!(other.call("request_info", json!({})).await.is_success(), "another tool is not busy");
        server.bodies.release(2);
        assert_eq!(first.await.unwrap().text_content(), "waited");
        assert!(other.call("waits_alone", json!({})).await.is_success());
    }
}

#[tokio::test]
async fn a_cancelled_call_frees_its_concurrency_slot() {
    let server = start(|server| server).await;
    let first = spawn_call(&server, "ann", "waits_alone");
    server.bodies.wait_for_start(1).await;
    first.abort();
    server.bodies.wait_for_end(1).await;
    server.bodies.release(1);
    let other = client_of(&server, "bob");
    eventually("the slot is free", async || other.call("waits_alone", json!({})).await.is_success()).await;
}

#[tokio::test]
async fn an_oversized_result_is_not_sent() {
    let log = CapturedLog::start();
    for fast_path in [true, false] {
        let server =
            start(|server| server.limits(|limits| limits.max_result_bytes = 10_000).fast_path(fast_path)).await;
        let client = client_of(&server, "ann");
        assert!(client.call("long_text", json!({ "bytes": 9000 })).await.is_success());
        for tool in ["long_text", "long_error"] {
            let response = client.call(tool, json!({ "bytes": 20_000 })).await;
            assert!(response.is_tool_error() && response.text_content().contains("10000 bytes"), "{response:?}");
            assert!(response.text.len() < 1000);
        }
    }
    assert!(log.of_this_thread().contains("max_result_bytes"), "{}", log.of_this_thread());
}

#[tokio::test]
async fn oversized_headers_get_431() {
    let server = start(|server| server.http(|http| http.max_header_bytes = 4096)).await;
    let request = |bytes| RawRequest::new("GET", "/healthz").header("X-Long", "x".repeat(bytes));
    assert_eq!(request(1000).send(server.address).await.status, 200);
    assert_eq!(request(5000).send(server.address).await.status, 431);
}

#[tokio::test]
async fn a_header_timeout_closes_the_connection() {
    let server = start(|server| server.http(|http| http.header_timeout = SHORT_TIMEOUT)).await;
    let mut partial = TcpStream::connect(server.address).await.unwrap();
    partial.write_all(b"POST /mcp HTTP/1.1\r\nHost: ").await.unwrap();
    assert!(!read_to_end(&mut partial).await.starts_with("HTTP/1.1 200 "));
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    assert_eq!(read_to_end(&mut silent).await, "");
}

#[tokio::test]
async fn a_body_timeout_gets_408_and_frees_the_in_flight_slot() {
    let server = start(|server| {
        server.limits(|limits| limits.max_requests_in_flight = 1).http(|http| http.body_timeout = SHORT_TIMEOUT)
    })
    .await;
    let partial = RawRequest::mcp(Revision::Legacy).token("ann").header("Content-Length", 100).body("{\"jsonrpc\"");
    let response = partial.header("Connection", "keep-alive").send(server.address).await;
    assert_eq!((response.status, response.header("connection")), (408, "close"), "{response:?}");
    assert!(client_of(&server, "ann").call("request_info", json!({})).await.is_success());
}

#[tokio::test]
async fn a_client_that_does_not_read_is_disconnected() {
    const RESULT_BYTES: usize = 15_000_000;
    let server = start(|server| server.http(|http| http.write_timeout = SHORT_TIMEOUT)).await;
    let body = Revision::Legacy.call_message("long_text", &json!({ "bytes": RESULT_BYTES })).to_string();
    let request = RawRequest::mcp(Revision::Legacy).token("ann").body(body);
    let mut stream = request.open(server.address).await;
    // The first bytes of the response have arrived, so the server is writing it.
    stream.readable().await.unwrap();
    // The server stops once every connection has ended. Without the write timeout it would wait beyond the deadline.
    server.shut_down().await;
    assert!(read_to_end(&mut stream).await.len() < RESULT_BYTES);
}

#[tokio::test]
async fn one_caller_takes_a_quarter_of_the_memory_for_bodies() {
    const BYTES: usize = 1_800_000;
    let server = start(|server| server.limits(|limits| limits.max_body_memory = 16 << 20)).await;
    // Opens a request whose body has not arrived.
    let open = async |token| {
        let request = RawRequest::mcp(Revision::Legacy).token(token).header("Content-Length", BYTES);
        request.open(server.address).await
    };
    let large = |token| {
        let body = Revision::Legacy.call_message("request_info", &json!({ "padding": "x".repeat(BYTES) }));
        RawRequest::mcp(Revision::Legacy).token(token).body(body.to_string())
    };
    let slow = open("ann").await;
    eventually("the first body is being read", async || large("ann").send(server.address).await.status == 429).await;
    assert_too_many_requests(&large("ann-2").send(server.address).await);
    assert!(
        client_of(&server, "ann").call("request_info", json!({})).await.is_success(),
        "a small body needs no memory"
    );
    assert_ne!(large("bob").send(server.address).await.status, 429, "another caller has memory of its own");
    drop(slow);
    eventually("the memory is free", async || large("ann").send(server.address).await.status != 429).await;
}
