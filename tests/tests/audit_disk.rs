//! An audit file whose disk is full, fails for a while, or hangs.
//!
//! In a process of its own: an audit file that cannot be written stops the calls of every server in the process.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{Mutex, MutexGuard},
};
use toolgate::{
    audit::{AuditGuard, JsonLines},
    prelude::*,
};
use toolgate_tests::{
    Client, EventStream, HttpResponse, Revision, TestServer, ToolBodies, WebhookDelivery, WithWebhooks, eventually,
    http_client, send, tokens, within_deadline,
};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::{layer::SubscriberExt, registry};

/// The state of the audit files is shared by the process.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

static SHELF: Scopes = Scopes::new(&["shelf:read"]);

/// A book, for which a guard waits.
#[resource(uri = "shelf://books/{book}", authenticated, scopes_in = SHELF, guard = wait(bodies))]
async fn book(book: String, bodies: &ToolBodies) -> String {
    book
}

async fn wait(bodies: &ToolBodies) -> Result<(), Denied> {
    bodies.wait_for_release().await;
    Ok(())
}

/// A server whose audit file is at a path.
struct AuditedServer {
    server: TestServer,
    guard: AuditGuard,
    subscriber: DefaultGuard,
    _one_at_a_time: MutexGuard<'static, ()>,
}

impl AuditedServer {
    async fn start(path: &Path) -> Self {
        let one_at_a_time = ONE_AT_A_TIME.lock().await;
        // A global subscriber keeps `tracing` from caching on another thread that nothing is interested in the records.
        let _ = tracing::subscriber::set_global_default(registry());
        let (layer, guard) = JsonLines::file(path).max_bytes(u64::MAX).open().unwrap();
        let subscriber = tracing::subscriber::set_default(registry().with(layer));
        let server = TestServer::with(|server| server.add_from(&SHELF).auth(WithWebhooks::new(tokens()))).await;
        let audited = Self { server, guard, subscriber, _one_at_a_time: one_at_a_time };
        // The thread of an earlier file that could not be written may end after its test.
        eventually("no other file is unavailable", async || audited.unready_reasons().await.is_null()).await;
        audited
    }

    fn client(&self) -> Client {
        self.server.client_with("people", Revision::Legacy)
    }

    async fn get(&self, path: &str) -> HttpResponse {
        send(http_client().get(format!("{}{path}", self.server.url))).await
    }

    async fn unready_reasons(&self) -> Value {
        self.get("/readyz").await.json()["reasons"].clone()
    }

    /// Calls a tool with this JSON-RPC id.
    async fn call(&self, client: &Client, id: &str) -> HttpResponse {
        let mut message = Revision::Legacy.call_message("people_private", &json!({}));
        message["id"] = id.into();
        client.send(&message).await
    }

    /// Sends requests on one connection, each after the response to the one before, and returns the number of responses
    /// with each status.
    async fn exchange(&self, requests: impl IntoIterator<Item = String>) -> BTreeMap<u16, usize> {
        let mut stream = TcpStream::connect(self.server.address).await.unwrap();
        let mut counts = BTreeMap::new();
        let mut buffer = Vec::new();
        for request in requests {
            stream.write_all(request.as_bytes()).await.unwrap();
            let status = within_deadline("a response", read_response(&mut stream, &mut buffer)).await;
            *counts.entry(status).or_default() += 1;
        }
        counts
    }

    /// Sends requests without a token, and asserts that each is rejected with 401.
    async fn strangers(&self, count: usize) {
        let request = format!("POST /mcp HTTP/1.1\r\nHost: {}\r\nContent-Length: 0\r\n\r\n", self.server.address);
        assert_eq!(self.exchange(std::iter::repeat_n(request, count)).await, BTreeMap::from([(401, count)]));
    }

    /// Asserts that everything that does not need a record works, and that a call is rejected before its body runs.
    async fn assert_only_calls_are_rejected(&self) {
        let runs = self.server.bodies.runs();
        let rejected = self.call(&self.client(), "rejected").await;
        assert_eq!((rejected.status, rejected.header("retry-after")), (503, "5"));
        assert_eq!(rejected.json()["error"], "temporarily_unavailable");
        assert!(rejected.text.contains("cannot record calls"), "{rejected:?}");
        assert_eq!(self.server.bodies.runs(), runs);
        assert_eq!(self.unready_reasons().await, json!(["audit_log_unavailable"]));
        assert_eq!(self.get("/healthz").await.status, 200);
        assert_eq!(self.get("/.well-known/oauth-protected-resource/mcp").await.status, 200);
        let webhook = WebhookDelivery::user_disabled(&self.server.url, format!("msg_{runs}"), "user-nothing");
        assert_eq!(webhook.send().await.status, 204);
    }

    /// Shuts the server down and closes the audit log.
    async fn finish(self) {
        self.server.shut_down().await;
        drop(self.subscriber);
        drop(self.guard);
    }
}

/// Reads one response with a `Content-Length` and returns its status.
async fn read_response(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> u16 {
    buffer.clear();
    loop {
        assert_ne!(stream.read_buf(buffer).await.unwrap(), 0, "the connection was closed");
        let text = String::from_utf8_lossy(buffer);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
        if body.len() == length.parse::<usize>().unwrap() {
            return head["HTTP/1.1 ".len()..][..3].parse().unwrap();
        }
    }
}

/// A named pipe in place of a file. Writes fail while nothing reads it, and block while its reader does not read.
struct Pipe {
    path: PathBuf,
    _directory: TempDir,
}

impl Pipe {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit.jsonl");
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        Self { path, _directory: directory }
    }

    /// Starts a server that writes to the pipe, and opens the reader.
    async fn start(&self) -> (AuditedServer, File) {
        let path = self.path.clone();
        // Opening either end waits for the other.
        let reader = thread::spawn(move || File::open(path).unwrap());
        let audited = AuditedServer::start(&self.path).await;
        (audited, reader.join().unwrap())
    }
}

/// Number of decisions in audit records, by outcome, and the ids of the completed calls.
fn decisions(lines: impl Iterator<Item = String>) -> (BTreeMap<String, u64>, Vec<String>) {
    let (mut counts, mut completed) = (BTreeMap::new(), Vec::new());
    for line in lines {
        let record: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
        let outcome = record["outcome"].as_str().unwrap();
        if outcome == "completed" {
            completed.push(record["request_id"].as_str().unwrap().to_owned());
        }
        *counts.entry(outcome.to_owned()).or_default() += record["count"].as_u64().unwrap_or(1);
    }
    (counts, completed)
}

#[tokio::test]
async fn a_full_disk_stops_calls_and_nothing_else() {
    // Every write to `/dev/full` fails with ENOSPC.
    let audited = AuditedServer::start(Path::new("/dev/full")).await;
    audited.strangers(52_000).await;
    eventually("calls are rejected", async || audited.call(&audited.client(), "1").await.status == 503).await;
    audited.strangers(1000).await;
    audited.assert_only_calls_are_rejected().await;
    audited.finish().await;
}

#[tokio::test]
async fn a_subscription_that_was_admitted_before_the_disk_was_full_is_not_opened() {
    let audited = AuditedServer::start(Path::new("/dev/full")).await;
    let opening = tokio::spawn({
        let client = audited.server.client_with("people", Revision::Modern);
        async move { EventStream::open(&client, json!({ "resourceSubscriptions": ["shelf://books/a"] })).await }
    });
    audited.server.bodies.wait_for_start(1).await;
    audited.strangers(52_000).await;
    eventually("calls are rejected", async || audited.call(&audited.client(), "1").await.status == 503).await;
    audited.server.bodies.release(1);
    assert_eq!(opening.await.unwrap().unwrap_err().status, 503);
    audited.finish().await;
}

#[tokio::test]
async fn calls_work_again_after_an_outage_of_the_disk_and_no_record_is_lost() {
    let pipe = Pipe::new();
    let (audited, reader) = pipe.start().await;
    let client = audited.client();
    assert_eq!(audited.call(&client, "before").await.status, 200);
    let mut reader = BufReader::new(reader);
    let mut first = String::new();
    reader.read_line(&mut first).unwrap();
    let running = tokio::spawn({
        let client = audited.server.client_with("everything", Revision::Legacy);
        async move { client.call("waits", json!({})).await }
    });
    audited.server.bodies.wait_for_start(1).await;

    // Every write fails from here on.
    drop(reader);
    let mut called = vec!["before".to_owned()];
    eventually("calls are rejected", async || {
        let id = format!("call-{}", called.len());
        let response = audited.call(&client, &id).await;
        if response.status == 200 {
            called.push(id);
        }
        response.status == 503
    })
    .await;
    audited.strangers(5000).await;
    audited.assert_only_calls_are_rejected().await;
    audited.server.bodies.release(1);
    assert_eq!(running.await.unwrap().status, 200, "a call in flight ends");

    let reader = File::open(&pipe.path).unwrap();
    let records = thread::spawn(move || BufReader::new(reader).lines().map(Result::unwrap).collect::<Vec<_>>());
    eventually("the server is ready", async || audited.unready_reasons().await.is_null()).await;
    assert_eq!(audited.call(&client, "after").await.status, 200);
    called.extend(["1".to_owned(), "after".to_owned()]);
    audited.finish().await;

    let records = records.join().unwrap();
    assert!(records.len() < called.len() + 10, "the rejections of strangers share records");
    let (counts, completed) = decisions(std::iter::once(first).chain(records));
    assert_eq!(completed, called);
    let calls = called.len() as u64;
    let expected = [("audit_log_unavailable", 2), ("completed", calls), ("missing_token", 5000)];
    assert_eq!(counts, expected.map(|(outcome, count)| (outcome.to_owned(), count)).into());
}

#[tokio::test]
async fn a_disk_that_hangs_stops_calls_and_nothing_else() {
    const CALLS: usize = 12_000;
    let pipe = Pipe::new();
    let (audited, reader) = pipe.start().await;
    audited.strangers(1000).await;
    let mut statuses = BTreeMap::new();
    for group in (0..CALLS).step_by(1000) {
        let requests = (group..group + 1000).map(|id| {
            let body = format!(
                r#"{{"jsonrpc":"2.0","id":"{id:0>200}","method":"tools/call","params":{{"name":"people_private"}}}}"#
            );
            format!(
                "POST /mcp HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer people\r\nContent-Type: application/json\r\n\
                 Accept: application/json, text/event-stream\r\nContent-Length: {}\r\n\r\n{body}",
                audited.server.address,
                body.len()
            )
        });
        for (status, count) in audited.exchange(requests).await {
            *statuses.entry(status).or_insert(0) += count;
        }
    }
    let (called, rejected) = (statuses[&200], statuses[&503]);
    assert_eq!(statuses.len(), 2, "{statuses:?}");
    audited.strangers(1000).await;
    audited.assert_only_calls_are_rejected().await;
    audited.finish().await;

    // The queue is bounded: the records are at most 4 MiB, and those in the pipe. Calls are rejected from 2 MiB on.
    let records: Vec<_> = BufReader::new(reader).lines().map(Result::unwrap).collect();
    let bytes: usize = records.iter().map(|record| record.len() + 1).sum();
    assert!((2 << 20..(4 << 20) + (64 << 10)).contains(&bytes), "{bytes} bytes");
    let (counts, completed) = decisions(records.into_iter());
    assert_eq!((completed.len(), counts["missing_token"]), (called, 2000));
    // Responses before the end of a connection may be lost.
    assert!(counts["audit_log_unavailable"] > rejected as u64, "{counts:?}");
}
