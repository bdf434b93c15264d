//! The audit log in a file: one record for every decision, without secrets.

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
    policy::Policy,
    prelude::*,
};
use toolgate_tests::{CapturedLog, Client, EventStream, Revision, TestServer, send};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::{layer::SubscriberExt, registry};

static TICKET_SCOPES: Scopes = Scopes::new(&["tickets:close", "tickets:read"]);

/// Read a ticket.
#[tool(scopes = "tickets:read", scopes_in = TICKET_SCOPES, audit("ticket_id", "page"))]
async fn ticket(ticket_id: String, page: Option<u8>, password: Option<String>) -> String {
    format!("{ticket_id} {page:?} {password:?}")
}

/// Close a ticket.
#[tool(scopes("tickets:close", "tickets:read"), scopes_in = TICKET_SCOPES, guard = not_for_holidays(&reason))]
async fn ticket_close(reason: String) -> String {
    reason
}

/// Merge two tickets.
#[tool(scopes = "tickets:read", scopes_in = TICKET_SCOPES, scopes_if(closing_by == "arguments", "tickets:close"))]
async fn ticket_merge(closing_by: String, caller: &Caller) -> Result<String, ToolError> {
    if closing_by == "body" {
        caller.require(scope!("tickets:close", in TICKET_SCOPES))?;
    }
    Ok(closing_by)
}

/// Rename a ticket.
#[tool(scopes = "tickets:read", scopes_in = TICKET_SCOPES, audit = "newTitle")]
async fn ticket_rename(#[serde(rename = "newTitle")] title: String) -> String {
    title
}

/// Fail with an error that must not be shown.
#[tool(scopes = "tickets:read", scopes_in = TICKET_SCOPES)]
async fn ticket_fails() -> Result<String, ToolError> {
    Err(std::io::Error::other("the password is swordfish"))?
}

/// Draft a reply to a ticket.
#[prompt(scopes("tickets:close", "tickets:read"), scopes_in = TICKET_SCOPES, audit = "ticket_id")]
async fn ticket_reply(ticket_id: String, password: Option<String>, is_urgent: Option<bool>) -> String {
    format!("Reply to {ticket_id} {password:?} {is_urgent:?}")
}

/// The rules for tickets.
#[resource(uri = "tickets://rules", scopes = "tickets:read", scopes_in = TICKET_SCOPES)]
async fn ticket_rules() -> &'static str {
    "none"
}

/// A ticket as a resource.
#[resource(
    uri = "tickets://{ticket_id}/text",
    scopes = "tickets:read",
    scopes_in = TICKET_SCOPES,
    guard = not_for_holidays(&ticket_id),
    audit = "ticket_id"
)]
async fn ticket_text(ticket_id: String) -> Result<String, ToolError> {
    if ticket_id == "gone" { Err(ToolError::not_found()) } else { Ok(ticket_id) }
}

/// The closed tickets.
#[resource(uri = "tickets://closed", scopes("tickets:close", "tickets:read"), scopes_in = TICKET_SCOPES)]
async fn closed_tickets() -> &'static str {
    "none"
}

fn not_for_holidays(reason: &str) -> Result<(), Denied> {
    if reason == "holiday" { Err(Denied::new("not for holidays")) } else { Ok(()) }
}

static REFUND_SCOPES: Scopes = Scopes::new(&["tickets:read", "tickets:close"]);

/// Refund a ticket. A large refund closes it.
#[tool(
    scopes = "tickets:read",
    scopes_if(euros > 1000, "tickets:close"),
    scopes_if(euros == 13, "tickets:read"),
    scopes_in = REFUND_SCOPES,
    guard = not_for_holidays(&reason),
    audit = "euros"
)]
async fn refund(euros: u32, reason: String, caller: &Caller) -> Result<String, ToolError> {
    if reason == "step up" {
        caller.require(scope!("tickets:close", in REFUND_SCOPES))?;
    }
    Ok(reason)
}

/// A server with an audit file. The layer is the default of the thread that the server runs on.
struct AuditedServer {
    server: TestServer,
    path: PathBuf,
    _directory: TempDir,
    guard: AuditGuard,
    subscriber: DefaultGuard,
}

async fn start(max_bytes: u64, configure: impl FnOnce(Server) -> Server) -> AuditedServer {
    // A global subscriber keeps `tracing` from caching on another thread that nothing is interested in the records.
    CapturedLog::start();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.jsonl");
    let (layer, guard) = JsonLines::file(&path).max_bytes(max_bytes).keep(100_000).open().unwrap();
    let subscriber = tracing::subscriber::set_default(registry().with(layer));
    let claims = |scopes: &[&'static str]| {
        let claims = Claims::new().subject("sanna").organization("company", "Support").client_id("a client");
        claims.scopes(scopes.iter().copied())
    };
    let tokens = StaticTokens::new()
        .token("token-reader", claims(&["tickets:read"]))
        .token("token-closer", claims(&["tickets:read", "tickets:close"]));
    let server = TestServer::serve(|url| {
        let server = Server::new("audit", &TICKET_SCOPES).server_url(url).auth(tokens).skip_preflight();
        configure(server.limits(|limits| limits.max_requests_per_caller = 500))
    });
    AuditedServer { server: server.await, path, _directory: directory, guard, subscriber }
}

impl AuditedServer {
    fn client(&self, token: &str) -> Client {
        self.server.client_with(token, Revision::Modern)
    }

    /// Shuts the server down, closes the audit log and returns its records, parsed and as text.
    async fn finish(self) -> (Vec<Value>, String) {
        self.server.shut_down().await;
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

/// Removes the fields that differ on every run.
fn without_times(mut line: Value) -> Value {
    let object = line.as_object_mut().unwrap();
    assert!(object.remove("time").is_some_and(|time| time.as_str().unwrap().ends_with('Z')));
    assert!(object.remove("latency_us").is_some_and(|latency| latency.is_u64()));
    line
}

/// Returns a record without what all records of one caller have in common.
fn decision(line: Value) -> Value {
    let mut line = without_times(line);
    for field in ["granted", "client", "organization", "policy", "request_id", "role", "user"] {
        line.as_object_mut().unwrap().remove(field);
    }
    line
}

#[tokio::test]
async fn every_decision_is_one_record_with_caller_tool_and_outcome() {
    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    for fast_path in [true, false] {
        let audited = start(u64::MAX, |server| server.fast_path(fast_path)).await;
        let reader = audited.client("token-reader");
        let closer = audited.client("token-closer");
        let traceparent = format!("00-{TRACE}-b7ad6b7169203331-01");

        assert_eq!(audited.server.client(Revision::Modern).list().await.status, 401);
        assert_eq!(audited.client("token-unknown").list().await.status, 401);
        assert_eq!(audited.client("two words").list().await.status, 400);
        assert_eq!(reader.list().await.status, 200);
        let arguments = json!({ "ticket_id": "tic_1", "page": 2, "password": "swordfish" });
        assert!(reader.call("ticket", arguments.clone()).await.is_success());
        let mut traced = Revision::Modern.call_message("ticket", &json!({ "ticket_id": "tic_2" }));
        traced["params"]["_meta"]["traceparent"] = traceparent.clone().into();
        traced["id"] = "seven".into();
        assert_eq!(reader.send(&traced).await.status, 200);
        let message = Revision::Modern.call_message("ticket_close", &json!({ "reason": "done" }));
        let rejected = reader.request(&message).header("traceparent", &traceparent).send().await.unwrap();
        assert_eq!(rejected.status(), 403);
        assert!(closer.call("ticket_close", json!({ "reason": "holiday" })).await.is_tool_error());
        assert!(reader.call("ticket", json!({ "ticket_id": 7 })).await.is_tool_error());
        assert!(reader.call("ticket_rename", json!({ "newTitle": "better" })).await.is_success());
        assert!(reader.call("ticket_fails", json!({})).await.is_tool_error());
        assert_eq!(reader.call("no_such_tool", json!({})).await.error_code(), Some(-32602));
        let foreign = reader.request(&message).header("Origin", "https://evil.example").send().await.unwrap();
        assert_eq!(foreign.status(), 403);
        let broken = reader.bare_post("{").send().await.unwrap();
        assert_eq!(broken.status(), 400);

        let policy = Policy::of(&TICKET_SCOPES).fingerprint();
        let (lines, text) = audited.finish().await;
        let with_scopes = |granted: &str, mut line: Value| {
            let caller = json!({
                "user": "sanna", "organization": "company", "role": "Support", "client": "a client",
                "granted": granted, "policy": policy,
            });
            line.as_object_mut().unwrap().extend(caller.as_object().unwrap().clone());
            line
        };
        let with_caller = |line| with_scopes("tickets:read", line);
        let expected = [
            json!({ "outcome": "missing_token" }),
            json!({ "outcome": "invalid_token" }),
            json!({ "outcome": "malformed_token" }),
            with_caller(json!({ "outcome": "listed", "request_id": "1", "list": "tools", "items": 4 })),
            with_caller(json!({
                "outcome": "completed", "request_id": "1", "tool": "ticket", "required": "tickets:read",
                "arguments": { "ticket_id": "tic_1", "page": 2 },
            })),
            with_caller(json!({
                "outcome": "completed", "request_id": "seven", "trace_id": TRACE, "tool": "ticket",
                "required": "tickets:read", "arguments": { "ticket_id": "tic_2" },
            })),
            with_caller(json!({
                "outcome": "insufficient_scope", "request_id": "1", "trace_id": TRACE, "tool": "ticket_close",
                "required": "tickets:close tickets:read", "missing": "tickets:close", "required_by": "operation",
            })),
            with_scopes(
                "tickets:close tickets:read",
                json!({
                    "outcome": "denied", "request_id": "1", "tool": "ticket_close",
                    "required": "tickets:close tickets:read",
                }),
            ),
            with_caller(json!({
                "outcome": "invalid_arguments", "request_id": "1", "tool": "ticket", "required": "tickets:read",
                "arguments": { "ticket_id": 7 },
            })),
            with_caller(json!({
                "outcome": "completed", "request_id": "1", "tool": "ticket_rename", "required": "tickets:read",
                "arguments": { "newTitle": "better" },
            })),
            with_caller(json!({
                "outcome": "internal_error", "request_id": "1", "tool": "ticket_fails", "required": "tickets:read",
            })),
            with_caller(json!({ "outcome": "unknown", "request_id": "1", "tool": "no_such_tool" })),
            json!({ "outcome": "foreign_origin" }),
            with_caller(json!({ "outcome": "malformed_message" })),
        ];
        let mut lines: Vec<_> = lines.into_iter().map(without_times).collect();
        // The reference of a masked error is random.
        for line in &mut lines {
            let reference = line.as_object_mut().unwrap().remove("reference");
            assert_eq!(reference.is_some(), line["outcome"] == "internal_error", "{line}");
        }
        for (i, (line, expected)) in lines.iter().zip(&expected).enumerate() {
            assert_eq!(line, expected, "line {i}, fast path: {fast_path}");
        }
        assert_eq!(lines.len(), expected.len());
        for secret in ["token-", "two words", "swordfish", "done", "holiday", "Bearer"] {
            assert!(!text.contains(secret), "{secret} is in the audit log");
        }
    }
}

#[tokio::test]
async fn records_of_prompts_and_resources_have_their_declared_names_and_the_uri() {
    for fast_path in [true, false] {
        let audited = start(u64::MAX, |server| server.fast_path(fast_path)).await;
        let reader = audited.client("token-reader");
        let closer = audited.client("token-closer");
        for list in ["prompts/list", "resources/list", "resources/templates/list"] {
            assert_eq!(reader.send(&Revision::Modern.message(list, json!({}))).await.status, 200);
        }
        let reply = json!({ "name": "ticket_reply", "arguments": { "ticket_id": "tic_1", "password": "swordfish" } });
        let reply = Revision::Modern.message("prompts/get", reply);
        assert_eq!((closer.send(&reply).await.status, reader.send(&reply).await.status), (200, 403));
        for uri in ["tickets://rules", "tickets://tic_1/text", "tickets://gone/text", "tickets://tic_1"] {
            reader.send(&Revision::Modern.message("resources/read", json!({ "uri": uri }))).await;
        }

        let (lines, text) = audited.finish().await;
        let read = |outcome: &str, id: &str| {
            json!({
                "outcome": outcome, "resource": "tickets://{ticket_id}/text", "uri": format!("tickets://{id}/text"),
                "required": "tickets:read", "arguments": { "ticket_id": id },
            })
        };
        let expected = [
            json!({ "outcome": "listed", "list": "prompts", "items": 0 }),
            json!({ "outcome": "listed", "list": "resources", "items": 1 }),
            json!({ "outcome": "listed", "list": "resource_templates", "items": 1 }),
            json!({
                "outcome": "completed", "prompt": "ticket_reply", "required": "tickets:close tickets:read",
                "arguments": { "ticket_id": "tic_1" },
            }),
            json!({
                "outcome": "insufficient_scope", "prompt": "ticket_reply", "required": "tickets:close tickets:read",
                "missing": "tickets:close", "required_by": "operation",
            }),
            json!({ "outcome": "completed", "resource": "tickets://rules", "required": "tickets:read" }),
            read("completed", "tic_1"),
            read("failed", "gone"),
            json!({ "outcome": "unknown", "resource": "tickets://tic_1" }),
        ];
        assert_eq!(lines.into_iter().map(decision).collect::<Vec<_>>(), expected, "fast path: {fast_path}");
        assert!(!text.contains("swordfish"));
    }
}

#[tokio::test]
async fn every_subscription_to_a_resource_has_a_record_with_its_outcome() {
    const URIS: [&str; 5] =
        ["tickets://closed", "tickets://holiday/text", "tickets://none", "tickets://rules", "tickets://tic_1/text"];
    let audited = start(u64::MAX, |server| server.sessions(|_| {})).await;
    let filter = json!({ "resourceSubscriptions": URIS });
    let mut stream = EventStream::listen(&audited.client("token-reader"), filter).await;
    assert_eq!(
        stream.acknowledged().await["resourceSubscriptions"],
        json!(["tickets://rules", "tickets://tic_1/text"])
    );
    drop(stream);
    let reader = audited.server.client_with("token-reader", Revision::Legacy);
    let params = json!({
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" },
    });
    let session = reader.send(&Revision::Legacy.message("initialize", params)).await;
    for uri in URIS {
        let message = Revision::Legacy.message("resources/subscribe", json!({ "uri": uri }));
        let request = reader.request(&message).header("Mcp-Session-Id", session.header("mcp-session-id"));
        assert_eq!(send(request).await.is_success(), ["tickets://rules", "tickets://tic_1/text"].contains(&uri));
    }

    let (lines, _) = audited.finish().await;
    let mut lines: Vec<_> = lines.into_iter().map(decision).collect();
    let template = "tickets://{ticket_id}/text";
    let expected = [
        json!({
            "outcome": "insufficient_scope", "resource": "tickets://closed", "missing": "tickets:close",
            "required": "tickets:close tickets:read", "required_by": "operation",
        }),
        json!({ "outcome": "denied", "resource": template, "uri": "tickets://holiday/text" }),
        json!({ "outcome": "unknown", "resource": "tickets://none" }),
        json!({ "outcome": "subscribed", "resource": "tickets://rules", "required": "tickets:read" }),
        json!({
            "outcome": "subscribed", "resource": template, "uri": "tickets://tic_1/text", "required": "tickets:read",
        }),
    ];
    assert_eq!(lines.split_off(URIS.len()), expected, "resources/subscribe");
    assert_eq!(lines, expected, "subscriptions/listen");
}

#[tokio::test]
async fn a_rejected_cursor_or_completion_has_a_record() {
    let audited = start(u64::MAX, |server| server).await;
    let reader = audited.client("token-reader");
    let list = Revision::Modern.message("tools/list", json!({ "cursor": "forged" }));
    assert_eq!(reader.send(&list).await.error_code(), Some(-32602));
    let closer = audited.client("token-closer");
    let completions = [(&closer, "ticket_reply", "is_urgent"), (&closer, "ticket_reply", "none")];
    let rejected = [(&reader, "ticket_reply", "is_urgent"), (&reader, "none", "is_urgent")];
    for (i, (client, name, argument)) in completions.into_iter().chain(rejected).enumerate() {
        let complete = json!({
            "ref": { "type": "ref/prompt", "name": name }, "argument": { "name": argument, "value": "t" },
        });
        let completed = client.send(&Revision::Modern.message("completion/complete", complete)).await;
        assert_eq!(completed.is_success(), i == 0, "{completed:?}");
    }
    let (lines, _) = audited.finish().await;
    let expected = [
        json!({ "outcome": "invalid_cursor" }),
        json!({ "outcome": "invalid_arguments", "prompt": "ticket_reply" }),
        json!({
            "outcome": "insufficient_scope", "prompt": "ticket_reply", "required": "tickets:close tickets:read",
            "missing": "tickets:close", "required_by": "operation",
        }),
        json!({ "outcome": "unknown", "prompt": "none" }),
    ];
    assert_eq!(lines.into_iter().map(decision).collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn the_record_of_a_masked_error_has_the_reference_that_the_caller_sees() {
    for fast_path in [true, false] {
        let audited = start(u64::MAX, |server| server.fast_path(fast_path)).await;
        let response = audited.client("token-reader").call("ticket_fails", json!({})).await;
        let shown = response.text_content().to_owned();
        let (lines, _) = audited.finish().await;
        let record = lines.iter().find(|line| line["outcome"] == "internal_error").unwrap();
        let reference = record["reference"].as_str().unwrap();
        assert_eq!(shown, format!("internal error (reference {reference})"));
    }
}

#[tokio::test]
async fn the_record_of_missing_scopes_names_what_required_them() {
    for fast_path in [true, false] {
        let audited = start(u64::MAX, |server| server.fast_path(fast_path)).await;
        let reader = audited.client("token-reader");
        assert_eq!(reader.call("ticket_close", json!({ "reason": "done" })).await.status, 403);
        for step in ["arguments", "body"] {
            assert_eq!(reader.call("ticket_merge", json!({ "closing_by": step })).await.status, 403);
        }
        assert!(reader.call("ticket_merge", json!({ "closing_by": "nobody" })).await.is_success());
        let (lines, _) = audited.finish().await;
        let fields = lines.iter().map(|line| [&line["required"], &line["missing"], &line["required_by"]]);
        let expected = [
            [json!("tickets:close tickets:read"), json!("tickets:close"), json!("operation")],
            [json!("tickets:read tickets:close"), json!("tickets:close"), json!("arguments")],
            [json!("tickets:read tickets:close"), json!("tickets:close"), json!("body")],
            [json!("tickets:read"), json!(null), json!(null)],
        ];
        assert!(fields.eq(expected.iter().map(<[Value; 3]>::each_ref)), "fast path {fast_path}: {lines:?}");
    }
}

#[tokio::test]
async fn the_required_scopes_of_a_record_are_those_of_the_call() {
    for fast_path in [true, false] {
        let audited = start(u64::MAX, |server| server.add_from(&REFUND_SCOPES).fast_path(fast_path)).await;
        let (reader, closer) = (audited.client("token-reader"), audited.client("token-closer"));
        let both = "tickets:read tickets:close";
        let calls = [
            (&reader, 7, "broken", "completed", "tickets:read", None),
            // A condition that holds, and whose scope the tool requires anyway.
            (&reader, 13, "broken", "completed", "tickets:read", None),
            (&closer, 2000, "broken", "completed", both, None),
            (&reader, 2000, "broken", "insufficient_scope", both, Some("tickets:close")),
            (&closer, 2000, "holiday", "denied", both, None),
            (&reader, 7, "holiday", "denied", "tickets:read", None),
            (&reader, 7, "step up", "insufficient_scope", both, Some("tickets:close")),
            (&closer, 2000, "step up", "completed", both, None),
        ];
        for (client, euros, reason, ..) in &calls {
            client.call("refund", json!({ "euros": euros, "reason": reason })).await;
        }
        let (lines, _) = audited.finish().await;
        assert_eq!(lines.len(), calls.len());
        for (line, (_, euros, reason, outcome, required, missing)) in lines.iter().zip(calls) {
            let context = format!("{euros} {reason} {fast_path}: {line}");
            assert_eq!(line["outcome"], outcome, "{context}");
            assert_eq!(line["required"], required, "{context}");
            assert_eq!(line.get("missing").and_then(Value::as_str), missing, "{context}");
            assert_eq!(line["arguments"], json!({ "euros": euros }), "{context}");
        }
    }
}

#[tokio::test]
async fn rejections_that_anybody_can_cause_have_a_bounded_number_of_records_and_a_complete_count() {
    const REQUESTS: usize = 300;
    let audited = start(u64::MAX, |server| server).await;
    let (nobody, unknown, reader) =
        (audited.server.client(Revision::Legacy), audited.client("token-unknown"), audited.client("token-reader"));
    for _ in 0..REQUESTS {
        assert_eq!(nobody.list().await.status, 401);
        assert_eq!(unknown.list().await.status, 401);
        assert_eq!(reader.call("ticket_close", json!({ "reason": "" })).await.status, 403);
    }
    let (lines, _) = audited.finish().await;
    for (outcome, max_records) in [("missing_token", 200), ("invalid_token", 200), ("insufficient_scope", REQUESTS)] {
        let records: Vec<_> = lines.iter().filter(|line| line["outcome"] == outcome).collect();
        let decisions: u64 = records.iter().map(|line| line["count"].as_u64().unwrap_or(1)).sum();
        assert_eq!(decisions, REQUESTS as u64, "{outcome}");
        assert!(records.len() <= max_records + 2, "{} records of {outcome}", records.len());
        let (counts, single): (Vec<_>, Vec<_>) = records.into_iter().partition(|line| line["count"].is_u64());
        assert!(single.len() >= 100 && single.iter().all(|line| line["latency_us"].is_u64()), "{outcome}");
        let fields = |line: &Value| line.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert!(counts.iter().all(|line| fields(line) == ["count", "outcome", "time"]), "{counts:?}");
        assert_eq!(
            counts.is_empty(),
            outcome == "insufficient_scope",
            "a caller's rejections are never counted only"
        );
    }
}

#[tokio::test]
async fn no_record_is_lost_in_concurrent_calls_and_rotations() {
    const CALLS: usize = 500;
    let audited = start(10_000, |server| server).await;
    let client = audited.client("token-reader");
    let mut calls = JoinSet::new();
    for i in 0..CALLS {
        let client = client.clone();
        calls.spawn(async move {
            let mut message = Revision::Modern.call_message("ticket", &json!({ "ticket_id": format!("tic_{i}") }));
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
async fn a_call_whose_client_disconnects_is_recorded_as_cancelled() {
    for fast_path in [true, false] {
        let audited = start(u64::MAX, |server| server.add_from(&toolgate_tests::SCOPES).fast_path(fast_path)).await;
        let client = audited.client("token-reader");
        let call = tokio::spawn(async move { client.call("waits", json!({})).await });
        audited.server.bodies.wait_for_start(1).await;
        call.abort();
        audited.server.bodies.wait_for_end(1).await;
        let (lines, _) = audited.finish().await;
        let lines: Vec<_> = lines.iter().map(|line| (&line["tool"], &line["outcome"])).collect();
        assert_eq!(lines, [(&json!("waits"), &json!("cancelled"))], "fast path: {fast_path}");
    }
}

#[tokio::test]
async fn a_caller_cannot_forge_records() {
    let audited = start(u64::MAX, |server| server).await;
    let client = audited.client("token-reader");
    let forged = "x\n{\"outcome\":\"completed\",\"user\":\"admin\"}\u{1b}[2J\u{202e}";
    for tool in [forged.to_owned(), "y".repeat(100_000)] {
        let message = Revision::Legacy.call_message(&tool, &json!({}));
        let mut request = client.bare_post(message.to_string()).header("Mcp-Method", "tools/call");
        request = request.header("traceparent", "00-not-a-trace");
        // The status is up to rmcp.
        send(request).await;
    }
    let legacy = audited.server.client_with("token-reader", Revision::Legacy);
    for text in [forged.to_owned(), "z".repeat(100_000)] {
        let mut message = Revision::Legacy.call_message(&text, &json!({}));
        message["id"] = text.clone().into();
        assert_eq!(legacy.send(&message).await.error_code(), Some(-32600));
        let call = Revision::Legacy.call_message(&text, &json!({}));
        assert_eq!(send(legacy.bare_post(call.to_string())).await.error_code(), Some(-32602));
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
async fn the_files_are_readable_by_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let audited = start(100, |server| server).await;
    for _ in 0..3 {
        assert_eq!(audited.client("token-reader").list().await.status, 200);
    }
    audited.server.shut_down().await;
    drop(audited.guard);
    let files = files(&audited.path);
    assert_eq!(files.len(), 3);
    for file in files {
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
