//! The audit: a line for every decision, in a file, and nothing in it that should not be.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;
use toolgate::{
    audit::{AuditGuard, JsonLines},
    auth::{Claims, StaticTokens},
    guard::{Arguments, Denied},
    prelude::*,
};
use toolgate_tests::{Client, PATIENCE, Revision, TestServer};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::{layer::SubscriberExt, registry};

/// The scopes of the server below.
pub static SCOPES: Scopes = Scopes::new(&["tickets:close", "tickets:read"]);

/// Read a ticket.
#[tool(scopes = "tickets:read", audit("ticket_id", "page"))]
async fn ticket(ticket_id: String, page: Option<u8>, password: Option<String>) -> String {
    format!("{ticket_id} {page:?} {password:?}")
}

/// Close a ticket.
#[tool(scopes("tickets:close", "tickets:read"), guard = not_on_sundays)]
async fn ticket_close(reason: String) -> String {
    reason
}

/// Rename a ticket.
#[tool(scopes = "tickets:read", audit = "newTitle")]
async fn ticket_rename(#[serde(rename = "newTitle")] title: String) -> String {
    title
}

/// Fail with what is nobody's business.
#[tool(scopes = "tickets:read")]
async fn fails() -> Result<String, ToolError> {
    Err(std::io::Error::other("the password is swordfish"))?
}

async fn not_on_sundays(_: &Caller, arguments: &Arguments) -> Result<(), Denied> {
    match arguments.get::<String>("reason") {
        Ok(Some(reason)) if reason == "sunday" => Err(Denied::new("not on Sundays")),
        _ => Ok(()),
    }
}

/// A server whose audit goes into a file, on this thread.
struct Audited {
    server: TestServer,
    path: PathBuf,
    _directory: TempDir,
    guard: AuditGuard,
    subscriber: DefaultGuard,
}

async fn audited(max_bytes: u64, configure: impl FnOnce(Server) -> Server) -> Audited {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.jsonl");
    let (layer, guard) = JsonLines::file(&path).max_bytes(max_bytes).keep(100_000).open().unwrap();
    let subscriber = tracing::subscriber::set_default(registry().with(layer));
    let listener = TestServer::listener().await;
    let url = format!("http://{}", listener.local_addr().unwrap());
    let claims = |scopes: &[&'static str]| {
        let claims = Claims::new().subject("sanna").organization("company", "Support").client_id("a client");
        claims.scopes(scopes.iter().copied())
    };
    let tokens = StaticTokens::new()
        .token("token-of-a-reader", claims(&["tickets:read"]))
        .token("token-of-a-closer", claims(&["tickets:read", "tickets:close"]));
    let server =
        Server::new("audit", &SCOPES).server_url(url).auth(tokens).skip_preflight().max_requests_per_caller(500);
    let server = TestServer::run(listener, configure(server)).await;
    Audited { server, path, _directory: directory, guard, subscriber }
}

impl Audited {
    fn client(&self, token: &str) -> Client {
        self.server.client_with(token, Revision::Modern)
    }

    /// Stops the server, ends the audit, and reads all files.
    async fn finish(self) -> (Vec<Value>, String) {
        let stopped = tokio::time::timeout(PATIENCE, self.server.stop()).await.expect("the server stops");
        stopped.unwrap().unwrap();
        drop(self.subscriber);
        drop(self.guard);
        let text: String = files(&self.path).iter().map(|file| fs::read_to_string(file).unwrap()).collect();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")));
        (lines.collect(), text)
    }
}

fn files(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path.parent().unwrap()).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// A line without what is different every time.
fn steady(mut line: Value) -> Value {
    let object = line.as_object_mut().unwrap();
    assert!(object.remove("time").is_some_and(|time| time.as_str().unwrap().ends_with('Z')));
    assert!(object.remove("latency_us").is_some_and(|latency| latency.is_u64()));
    line
}

#[tokio::test]
async fn every_decision_is_one_line_with_who_what_and_why() {
    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    for direct in [true, false] {
        let audited = audited(u64::MAX, |server| server.direct_path(direct)).await;
        let reader = audited.client("token-of-a-reader");
        let closer = audited.client("token-of-a-closer");
        let traceparent = format!("00-{TRACE}-b7ad6b7169203331-01");

        assert_eq!(audited.server.client(Revision::Modern).list().await.status, 401);
        assert_eq!(audited.client("token-of-nobody").list().await.status, 401);
        assert_eq!(audited.client("two words").list().await.status, 400);
        assert_eq!(reader.list().await.status, 200);
        let arguments = json!({ "ticket_id": "tic_1", "page": 2, "password": "swordfish" });
        assert!(reader.call("ticket", arguments.clone()).await.is_success());
        let mut traced = reader.call_message("ticket", &json!({ "ticket_id": "tic_2" }));
        traced["params"]["_meta"]["traceparent"] = traceparent.clone().into();
        traced["id"] = "seven".into();
        assert_eq!(reader.send(&traced).await.status, 200);
        let message = reader.call_message("ticket_close", &json!({ "reason": "done" }));
        let refused = reader.request(&message).header("traceparent", &traceparent).send().await.unwrap();
        assert_eq!(refused.status(), 403);
        assert!(closer.call("ticket_close", json!({ "reason": "sunday" })).await.is_tool_error());
        assert!(reader.call("ticket", json!({ "ticket_id": 7 })).await.is_tool_error());
        assert!(reader.call("ticket_rename", json!({ "newTitle": "better" })).await.is_success());
        assert!(reader.call("fails", json!({})).await.is_tool_error());
        assert_eq!(reader.call("no_such_tool", json!({})).await.error_code(), Some(-32602));
        let foreign = reader.request(&message).header("Origin", "https://evil.example").send().await.unwrap();
        assert_eq!(foreign.status(), 403);
        let broken = reader.bare_post("{").send().await.unwrap();
        assert_eq!(broken.status(), 400);

        let (lines, text) = audited.finish().await;
        let whole = |mut line: Value| {
            let who = json!({ "user": "sanna", "organization": "company", "role": "Support", "client": "a client" });
            line.as_object_mut().unwrap().extend(who.as_object().unwrap().clone());
            line
        };
        let expected = [
            json!({ "outcome": "missing_token" }),
            json!({ "outcome": "invalid_token" }),
            json!({ "outcome": "malformed_token" }),
            whole(json!({ "outcome": "listed", "request_id": "1", "tools": 3 })),
            whole(json!({
                "outcome": "completed", "request_id": "1", "tool": "ticket", "required": "tickets:read",
                "arguments": { "ticket_id": "tic_1", "page": 2 },
            })),
            whole(json!({
                "outcome": "completed", "request_id": "seven", "trace_id": TRACE, "tool": "ticket",
                "required": "tickets:read", "arguments": { "ticket_id": "tic_2" },
            })),
            whole(json!({
                "outcome": "insufficient_scope", "request_id": "1", "trace_id": TRACE, "tool": "ticket_close",
                "required": "tickets:close tickets:read", "missing": "tickets:close",
            })),
            whole(json!({
                "outcome": "denied", "request_id": "1", "tool": "ticket_close",
                "required": "tickets:close tickets:read",
            })),
            whole(json!({
                "outcome": "invalid_arguments", "request_id": "1", "tool": "ticket", "required": "tickets:read",
                "arguments": { "ticket_id": 7 },
            })),
            whole(json!({
                "outcome": "completed", "request_id": "1", "tool": "ticket_rename", "required": "tickets:read",
                "arguments": { "newTitle": "better" },
            })),
            whole(json!({
                "outcome": "internal_error", "request_id": "1", "tool": "fails", "required": "tickets:read",
            })),
            whole(json!({ "outcome": "unknown_tool", "request_id": "1", "tool": "no_such_tool" })),
            json!({ "outcome": "foreign_origin" }),
            whole(json!({ "outcome": "malformed_message" })),
        ];
        let lines: Vec<_> = lines.into_iter().map(steady).collect();
        for (i, (line, expected)) in lines.iter().zip(&expected).enumerate() {
            assert_eq!(line, expected, "line {i}, direct: {direct}");
        }
        assert_eq!(lines.len(), expected.len());
        for secret in ["token-of", "two words", "swordfish", "done", "sunday", "Bearer"] {
            assert!(!text.contains(secret), "{secret} is in the audit");
        }
    }
}

#[tokio::test]
async fn nothing_is_lost_of_many_calls_at_once_and_rotations() {
    const CALLS: usize = 500;
    let audited = audited(10_000, |server| server).await;
    let client = audited.client("token-of-a-reader");
    let mut calls = JoinSet::new();
    for i in 0..CALLS {
        let client = client.clone();
        calls.spawn(async move {
            let mut message = client.call_message("ticket", &json!({ "ticket_id": format!("tic_{i}") }));
            message["id"] = i.into();
            client.send(&message).await.status
        });
    }
    assert!(calls.join_all().await.iter().all(|&status| status == 200));
    let path = audited.path.clone();
    assert!(files(&path).len() < CALLS);
    let (lines, _) = audited.finish().await;
    let mut ids: Vec<usize> =
        lines.iter().map(|line| line["request_id"].as_str().unwrap().parse().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, (0..CALLS).collect::<Vec<_>>());
    assert!(
        lines.iter().all(|line| {
            line["arguments"]["ticket_id"] == format!("tic_{}", line["request_id"].as_str().unwrap())
        })
    );
}

#[tokio::test]
async fn a_call_whose_client_leaves_is_recorded_as_cancelled() {
    for direct in [true, false] {
        let audited = audited(u64::MAX, |server| server.include(&toolgate_tests::SCOPES).direct_path(direct)).await;
        let client = audited.client("token-of-a-reader");
        let call = tokio::spawn(async move { client.call("waits", json!({})).await });
        audited.server.probe.started().await;
        call.abort();
        audited.server.probe.gone().await;
        let (lines, _) = audited.finish().await;
        let lines: Vec<_> = lines.iter().map(|line| (&line["tool"], &line["outcome"])).collect();
        assert_eq!(lines, [(&json!("waits"), &json!("cancelled"))], "direct: {direct}");
    }
}

#[tokio::test]
async fn nobody_writes_records_of_their_own() {
    let audited = audited(u64::MAX, |server| server).await;
    let client = audited.client("token-of-a-reader");
    let forged = "x\n{\"outcome\":\"completed\",\"user\":\"the boss\"}\u{1b}[2J\u{202e}";
    for tool in [forged.to_owned(), "y".repeat(100_000)] {
        let message = client.call_message(&tool, &json!({}));
        let mut request = client.bare_post(message.to_string()).header("Mcp-Method", "tools/call");
        request = request.header("traceparent", "00-not-a-trace");
        // Whatever rmcp says of it.
        let _ = request.send().await.unwrap();
    }
    let legacy = audited.server.client_with("token-of-a-reader", Revision::Legacy);
    for text in [forged.to_owned(), "z".repeat(100_000)] {
        let mut message = legacy.call_message(&text, &json!({}));
        message["id"] = text.clone().into();
        assert_eq!(legacy.send(&message).await.error_code(), Some(-32602));
        let long = json!({ "ticket_id": text });
        assert!(legacy.call("ticket", long).await.is_success());
    }
    let (lines, text) = audited.finish().await;
    assert_eq!(lines.len(), text.lines().count());
    assert!(lines.iter().all(|line| line["user"] == "sanna" && line.to_string().len() < 2000));
    assert!(!text.contains(['\u{1b}', '\u{202e}']) && !text.contains("\\u001b") && !text.contains("\\n"));
    assert_eq!(lines.iter().filter(|line| line["outcome"] == "completed").count(), 2);
}

#[cfg(unix)]
#[tokio::test]
async fn the_files_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let audited = audited(100, |server| server).await;
    for _ in 0..3 {
        assert_eq!(audited.client("token-of-a-reader").list().await.status, 200);
    }
    let path = audited.path.clone();
    // Looked at before the directory goes.
    let stopped = tokio::time::timeout(PATIENCE, audited.server.stop()).await.unwrap();
    stopped.unwrap().unwrap();
    drop(audited.guard);
    let files = files(&path);
    assert_eq!(files.len(), 3);
    for file in files {
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
