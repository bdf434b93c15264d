//! Graceful shutdown.

use std::time::Duration;

use serde_json::json;
use tokio::{io::AsyncWriteExt, net::TcpStream};
use toolgate_tests::{CapturedLog, Revision, TestServer, eventually, http_client, send, within_deadline};

use crate::{AnyToken, SHORT_TIMEOUT, spawn_call};

async fn start() -> TestServer {
    TestServer::with(|server| server.auth(AnyToken)).await
}

#[tokio::test]
async fn shutdown_lets_requests_in_flight_finish() {
    for revision in Revision::BOTH {
        let server = start().await;
        let client = server.client_with("ann", revision);
        let stream = tokio::spawn(async move { client.send(&revision.progress_message("progresses")).await });
        let client = server.client_with("ann", revision);
        let call = tokio::spawn(async move { client.call("waits", json!({})).await });
        server.bodies.wait_for_start(2).await;
        let (address, bodies) = (server.address, server.bodies.clone());
        let stopped = server.begin_shutdown();
        eventually("new connections are rejected", async || TcpStream::connect(address).await.is_err()).await;
        assert!(!stopped.is_finished());
        bodies.release(2);
        assert_eq!(call.await.unwrap().text_content(), "waited");
        let stream = stream.await.unwrap();
        assert_eq!((stream.messages().len(), stream.text_content()), (4, "done"));
        within_deadline("the server stops", stopped).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_server_is_unready_and_serves_requests_until_the_shutdown_delay_has_passed() {
    let server =
        TestServer::with(|server| server.auth(AnyToken).http(|http| http.shutdown_delay = Duration::from_hours(1)))
            .await;
    let (url, client) = (server.url.clone(), server.client_with("ann", Revision::Modern));
    let stopped = server.begin_shutdown();
    eventually("the server is unready", async || {
        let response = send(http_client().get(format!("{url}/readyz"))).await;
        response.status == 503 && response.json()["reasons"] == json!(["shutting_down"])
    })
    .await;
    let call = client.call("request_info", json!({})).await;
    assert!(call.is_success());
    assert_eq!(call.header("connection"), "close", "a proxy sends the next request on a new connection");
    assert!(!stopped.is_finished());
    stopped.abort();

    let server =
        TestServer::with(|server| server.auth(AnyToken).http(|http| http.shutdown_delay = SHORT_TIMEOUT)).await;
    server.shut_down().await;
}

#[tokio::test]
async fn shutdown_aborts_and_counts_unfinished_requests() {
    let log = CapturedLog::start();
    let server =
        TestServer::with(|server| server.auth(AnyToken).http(|http| http.shutdown_timeout = SHORT_TIMEOUT)).await;
    let tools = [("ann", "waits"), ("bob", "waits"), ("carol", "progresses")];
    let calls = tools.map(|(token, tool)| spawn_call(&server, token, tool));
    server.bodies.wait_for_start(3).await;
    let bodies = server.bodies.clone();
    server.shut_down().await;
    bodies.wait_for_end(3).await;
    for call in calls {
        // The client gets an error or a cancelled result.
        assert!(!call.await.is_ok_and(|response| response.is_success()));
    }
    let log = log.of_this_thread();
    assert!(log.contains("aborted the requests that did not finish"), "{log}");
    assert!(log.contains("requests=3"), "{log}");
}

#[tokio::test]
async fn shutdown_does_not_wait_for_idle_connections_and_incomplete_heads() {
    let server = start().await;
    let client = server.client_with("ann", Revision::Modern);
    assert!(client.call("request_info", json!({})).await.is_success());
    let _silent = TcpStream::connect(server.address).await.unwrap();
    let mut partial = TcpStream::connect(server.address).await.unwrap();
    partial.write_all(b"POST /mcp HTTP/1.1\r\n").await.unwrap();
    assert!(client.call("request_info", json!({})).await.is_success(), "the server has read the part of the head");
    server.shut_down().await;
}
