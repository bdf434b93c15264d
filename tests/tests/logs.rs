//! Contents of the log, and secrets that must never be in it.
//!
//! In a process of its own: the secrets of all tests are searched for in the log of the whole process.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::time::Duration;

use serde_json::{Value, json};
use toolgate::PropelAuth;
use toolgate_dev_tenant::{DevTenant, Fault};
use toolgate_tests::{
    CapturedLog, IntrospectionStub, RawRequest, Revision, TestServer, eventually, propel_auth, start_tenant,
    start_tenant_with, tenant_server, token_for, tokens,
};

/// Sends a call over a bare socket, because an HTTP client writes its headers to the log, too.
async fn call_status(server: &TestServer, authorization: &str, tool: &str) -> u16 {
    let body = Revision::Legacy.call_message(tool, &json!({})).to_string();
    let request = RawRequest::mcp(Revision::Legacy).header("Authorization", authorization).body(body);
    request.send(server.address).await.status
}

fn assert_not_logged(secrets: &[impl AsRef<str>]) {
    let log = CapturedLog::start().of_this_process();
    assert!(log.contains("DEBUG") && log.contains("toolgate::audit"), "the log is not captured");
    for secret in secrets {
        let secret = secret.as_ref();
        let lines: Vec<_> = log.lines().filter(|line| line.contains(secret)).collect();
        assert!(lines.is_empty(), "logged: {lines:#?}");
    }
}

/// Returns the secrets of an introspection: the token, the client secret, and the encoded credentials.
fn secrets_of(tenant: &DevTenant, token: &str) -> [String; 3] {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let (id, secret) = (tenant.introspection_client_id(), tenant.introspection_client_secret());
    [token.to_owned(), secret.to_owned(), STANDARD.encode(format!("{id}:{secret}"))]
}

#[tokio::test]
async fn no_token_or_secret_is_logged_in_normal_operation() {
    CapturedLog::start();
    let tenant = start_tenant().await;
    let server = tenant_server(&tenant).await;
    let token = token_for(&tenant, "HR", &server.endpoint);
    for (tool, status) in [("request_info", 200), ("panics", 200), ("fails_masked", 200), ("file_read", 403)] {
        assert_eq!(call_status(&server, &format!("Bearer {token}"), tool).await, status, "{tool}");
    }
    assert_not_logged(&secrets_of(&tenant, &token));
}

#[tokio::test]
async fn no_token_or_secret_is_logged_on_errors() {
    CapturedLog::start();
    let tenant = start_tenant().await;
    // Each fault has a server of its own, whose circuit breaker is closed.
    let start = async || {
        let auth: PropelAuth = propel_auth(&tenant).timeout(Duration::from_millis(200));
        TestServer::with(|server| server.auth(auth)).await
    };
    let mut secrets = Vec::new();
    for fault in [
        Fault::ServerError,
        Fault::TooManyRequests { retry_after_seconds: Some(1) },
        Fault::MalformedJson,
        Fault::oversized(),
        Fault::Redirect,
        Fault::WrongCredentials,
        Fault::MissingActive,
        Fault::Hang,
    ] {
        let server = start().await;
        let token = token_for(&tenant, "HR", &server.endpoint);
        tenant.set_fault(fault.clone());
        assert_eq!(call_status(&server, &format!("Bearer {token}"), "request_info").await, 503, "{fault:?}");
        secrets.extend(secrets_of(&tenant, &token));
    }
    for fault in [Fault::MissingAudience, Fault::ExpiredButActive] {
        let server = start().await;
        let token = token_for(&tenant, "HR", &server.endpoint);
        tenant.set_fault(fault.clone());
        assert_eq!(call_status(&server, &format!("Bearer {token}"), "request_info").await, 401, "{fault:?}");
        secrets.push(token);
    }
    tenant.clear_fault();
    let server = start().await;
    let other_resource = token_for(&tenant, "HR", "http://127.0.0.1:1/mcp");
    assert_eq!(call_status(&server, &format!("Bearer {other_resource}"), "request_info").await, 401);
    for malformed in
        ["Bearer malformed-secret-1 x", "Basic bWFsZm9ybWVkLXNlY3JldA==", "Bearer \"malformed-secret-2\""]
    {
        assert!(matches!(call_status(&server, malformed, "request_info").await, 400 | 401));
    }
    tenant.shutdown().await;
    let last = "a-token-that-cannot-be-checked";
    assert_eq!(call_status(&server, &format!("Bearer {last}"), "request_info").await, 503);
    secrets.extend([other_resource, last.to_owned()]);
    secrets.extend(["malformed-secret", "bWFsZm9ybWVkLXNlY3JldA"].map(str::to_owned));
    assert_not_logged(&secrets);
}

#[tokio::test]
async fn a_masked_error_is_logged_with_its_reference() {
    let log = CapturedLog::start();
    let server = TestServer::start().await;
    let client = server.client_with("nothing", Revision::Modern);
    let response = client.call("fails_masked", json!({})).await;
    let text = response.text_content();
    let reference = text.trim_start_matches("internal error (reference ").trim_end_matches(')');
    let log = log.of_this_thread();
    let line = log.lines().find(|line| line.contains(reference)).expect("the reference is in the log");
    assert!(line.contains("fails_masked") && line.contains("the password is swordfish"), "{line}");
}

#[tokio::test]
async fn an_outage_is_logged_with_the_fix() {
    let log = CapturedLog::start();
    let tenant = start_tenant().await;
    let server = tenant_server(&tenant).await;
    tenant.set_fault(Fault::WrongCredentials);
    let token = token_for(&tenant, "HR", &server.endpoint);
    assert_eq!(call_status(&server, &format!("Bearer {token}"), "request_info").await, 503);
    let log = log.of_this_thread();
    let line =
        log.lines().find(|line| line.contains(tenant.auth_url()) && line.contains("ERROR")).unwrap_or_default();
    assert!(line.contains("PROPELAUTH_INTROSPECTION_CLIENT_SECRET"), "{line:?}");
}

#[tokio::test]
async fn what_any_client_can_cause_is_logged_once_per_interval() {
    const REQUESTS: usize = 300;
    let log = CapturedLog::start();
    let stub = IntrospectionStub::start().await;
    let server = TestServer::with(|server| server.auth(stub.propel_auth())).await;
    let audience = format!("https://other.example/{}", "x".repeat(30_000));
    stub.set_response(json!({ "active": true, "sub": "u", "aud": audience }).to_string());
    let body = Revision::Legacy.call_message("request_info", &json!({})).to_string();
    for i in 0..REQUESTS {
        let request = RawRequest::mcp(Revision::Legacy).body(body.as_str());
        let foreign_host = request.clone().replace_header("Host", format!("{i}.{}.example", "x".repeat(2_000)));
        assert_eq!(foreign_host.send(server.address).await.status, 403);
        let malformed_host = request.clone().replace_header("Host", "a@b");
        assert_eq!(malformed_host.send(server.address).await.status, 403);
        let foreign_origin = request.clone().header("Origin", format!("https://{i}.example"));
        assert_eq!(foreign_origin.send(server.address).await.status, 403);
        let foreign_audience = request.token(&format!("token-{i}"));
        assert_eq!(foreign_audience.send(server.address).await.status, 401);
    }
    let lines: Vec<_> = log
        .of_this_thread()
        .lines()
        .filter(|line| line.contains(" WARN ") && line.contains("rejected a "))
        .map(str::to_owned)
        .collect();
    assert_eq!(lines.len(), 4, "{lines:#?}");
    let bytes: usize = lines.iter().map(String::len).sum();
    assert!(bytes < 4096, "{bytes} bytes for {} requests", 4 * REQUESTS);
}

#[tokio::test]
async fn every_decision_is_logged_with_caller_tool_and_outcome() {
    let log = CapturedLog::start();
    let tenant = start_tenant().await;
    let server = tenant_server(&tenant).await;
    let person = tenant.person_of_role("Support").unwrap();
    let client = server.client_with(&token_for(&tenant, "Support", &server.endpoint), Revision::Modern);
    for (tool, outcome) in [
        ("people_private", "insufficient_scope"),
        ("request_info", "completed"),
        ("fails_shown", "failed"),
        ("fails_masked", "internal_error"),
        ("panics", "panicked"),
        ("exceeds_timeout", "timed_out"),
        ("arguments", "invalid_arguments"),
        ("owner_only", "hidden"),
        ("no_such_tool", "unknown"),
    ] {
        let mut message = Revision::Modern.call_message(tool, &json!({ "a": "argument-value" }));
        if tool != "arguments" {
            message["params"]["arguments"] = json!({});
        }
        let id = format!("decision-{tool}");
        message["id"] = id.as_str().into();
        client.send(&message).await;
        let text = log.of_this_thread();
        let records: Vec<_> =
            text.lines().filter(|line| line.contains("toolgate::audit") && line.contains(&id)).collect();
        let [record] = records[..] else { panic!("one record of {tool}: {records:?}") };
        for part in [format!("tool=\"{tool}\""), format!("outcome=\"{outcome}\""), person.id.clone()] {
            assert!(record.contains(&part), "{part}: {record}");
        }
        assert!(!record.contains("argument-value"), "{record}");
    }
}

#[tokio::test]
async fn scope_drift_is_logged_at_startup() {
    let log = CapturedLog::start();
    let tenant = start_tenant().await;
    let _server = tenant_server(&tenant).await;
    // The tenant lacks three scopes of the server and has one more. No tool declares `files:admin`.
    for (problem, scopes) in [
        ("in SCOPES, but not in PropelAuth", "files:admin, files:write, reports:read"),
        ("in PropelAuth, but not in SCOPES", "tickets:read"),
        ("scopes in SCOPES that no operation declares", "files:admin"),
    ] {
        eventually(problem, async || {
            let text = log.of_this_thread();
            text.lines().any(|line| line.contains("WARN") && line.contains(problem) && line.ends_with(scopes))
        })
        .await;
    }
}

#[tokio::test]
async fn the_advertised_issuer_is_logged_with_its_reason() {
    let log = CapturedLog::start();
    let tenant = start_tenant_with(|tenant| tenant.issuer_variant(toolgate_dev_tenant::IssuerVariant::AtRoot)).await;
    let _server = tenant_server(&tenant).await;
    let expected = format!("{}/oauth/2.1", tenant.auth_url());
    eventually("the issuer is logged", async || {
        let text = log.of_this_thread();
        text.lines().any(|line| line.contains("this server is advertised") && line.contains(&expected))
    })
    .await;
}

/// Sends a message as a caller without scopes, over a bare socket.
async fn send_message(server: &TestServer, message: &Value, headers: &[(&str, &str)]) -> u16 {
    let request = RawRequest::mcp(Revision::Legacy).token("nothing").body(message.to_string());
    let request = headers.iter().fold(request, |request, (name, value)| request.replace_header(name, value));
    request.send(server.address).await.status
}

#[tokio::test]
async fn a_caller_writes_neither_forged_nor_long_lines() {
    let log = CapturedLog::start();
    let server = TestServer::with(|server| server.auth(tokens())).await;
    let forged = "x\n2026-11-26T00:00:00Z  INFO toolgate::audit: decision outcome=\"forged\"\u{1b}[2J\u{202e}";
    let too_long = "y".repeat(30_000);
    for text in [forged, &too_long] {
        let call = |name: &str| Revision::Legacy.call_message(name, &json!({}));
        let message = |method: &str, params: Value| Revision::Legacy.message(method, params);
        let mut with_id = call("request_info");
        with_id["id"] = text.into();
        let cancelled =
            json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": text } });
        for message in [
            with_id,
            call(text),
            message(text, json!({})),
            message("tools/list", json!({ "cursor": text })),
            message("prompts/get", json!({ "name": text })),
            message(
                "initialize",
                json!({ "protocolVersion": text, "capabilities": {}, "clientInfo": { "name": "a", "version": "1" } }),
            ),
            cancelled,
        ] {
            assert_eq!(send_message(&server, &message, &[]).await, 400, "{message}");
        }
    }
    for name in ["MCP-Protocol-Version", "Mcp-Method", "Mcp-Name", "Mcp-Session-Id", "Last-Event-ID"] {
        let message = Revision::Legacy.message("ping", json!({}));
        assert_eq!(send_message(&server, &message, &[(name, &too_long)]).await, 400, "{name}");
    }
    let message = Revision::Legacy.message("ping", json!({}));
    for name in ["Host", "Origin"] {
        let value = format!("http{}.example", "s".repeat(30_000));
        assert_eq!(send_message(&server, &message, &[(name, &value)]).await, 403, "{name}");
    }
    let log = log.of_this_thread();
    assert!(log.contains("malformed_message") && log.contains("foreign_origin"), "the log is not captured");
    assert!(!log.contains(['\u{1b}', '\u{202e}']));
    assert!(!log.lines().any(|line| line.starts_with("2026-11-26T00:00:00Z")), "a line is forged");
    // At lower levels, rmcp and hyper log whole messages, escaped.
    let is_logged = |line: &&str| ["ERROR", "WARN", "INFO toolgate"].iter().any(|level| line.contains(level));
    let longest = log.lines().filter(is_logged).map(str::len).max();
    assert!(longest.is_some_and(|bytes| bytes < 2_000), "{longest:?}");
}
