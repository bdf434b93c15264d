//! What is in the log, and what is never in it. In a process of its own, because it reads the whole process's log.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::{sync::LazyLock, time::Duration};

use serde_json::json;
use toolgate::PropelAuth;
use toolgate_dev_tenant::{DevTenant, Fault};
use toolgate_tests::{
    Log, Revision, TestServer, eventually, propel_auth, raw_exchange, tenant, tenant_server, token_for,
};

/// One log for all tests of this file: no secret of any of them may be in it.
static LOG: LazyLock<Log> = LazyLock::new(Log::of_this_process);

/// A call by bare sockets, so that what is logged is the server's and not a client's.
async fn call(server: &TestServer, authorization: &str, tool: &str) -> u16 {
    let revision = Revision::Legacy;
    let body = server.client(revision).call_message(tool, &json!({})).to_string();
    let head = format!(
        "POST /mcp HTTP/1.1\nAuthorization: {authorization}\nContent-Type: application/json\n\
         Accept: application/json, text/event-stream\nMCP-Protocol-Version: {}",
        revision.name()
    );
    raw_exchange(server.address, &head, &body).await.status
}

fn assert_kept_secret(secrets: &[&str]) {
    let log = LOG.text();
    assert!(log.contains("TRACE") || log.contains("DEBUG"), "the log is kept from the lowest level on");
    for secret in secrets {
        let lines: Vec<_> = log.lines().filter(|line| line.contains(secret)).collect();
        assert!(lines.is_empty(), "logged: {lines:#?}");
    }
}

/// Everything that a whole exchange holds and nobody may log: tokens, the client secret, and both as they are sent.
fn secrets_of(tenant: &DevTenant, token: &str) -> [String; 3] {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let (id, secret) = (tenant.introspection_client_id(), tenant.introspection_client_secret());
    [token.to_owned(), secret.to_owned(), STANDARD.encode(format!("{id}:{secret}"))]
}

#[tokio::test]
async fn neither_tokens_nor_secrets_are_logged_when_all_is_well() {
    LazyLock::force(&LOG);
    let tenant = tenant(|tenant| tenant).await;
    let server = tenant_server(&tenant, |server| server).await;
    let token = token_for(&tenant, "HR", &server.endpoint);
    for (tool, status) in [("surroundings", 200), ("panics", 200), ("fails_masked", 200), ("file_read", 403)] {
        assert_eq!(call(&server, &format!("Bearer {token}"), tool).await, status, "{tool}");
    }
    let secrets = secrets_of(&tenant, &token);
    assert_kept_secret(&secrets.each_ref().map(String::as_str));
    assert!(LOG.text().contains("toolgate::audit"), "the log is the right one");
}

#[tokio::test]
async fn neither_tokens_nor_secrets_are_logged_when_something_is_wrong() {
    LazyLock::force(&LOG);
    let tenant = tenant(|tenant| tenant).await;
    let hurry = |auth: PropelAuth| auth.timeout(Duration::from_millis(200));
    // Each fault has a server of its own: after some failures in a row a server stops asking for a while.
    let start = async || TestServer::with(|server| server.auth(hurry(propel_auth(&tenant)))).await;
    let mut kept = Vec::new();
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
        assert_eq!(call(&server, &format!("Bearer {token}"), "surroundings").await, 503, "{fault:?}");
        kept.extend(secrets_of(&tenant, &token));
    }
    for fault in [Fault::MissingAudience, Fault::ExpiredButActive] {
        let server = start().await;
        let token = token_for(&tenant, "HR", &server.endpoint);
        tenant.set_fault(fault.clone());
        assert_eq!(call(&server, &format!("Bearer {token}"), "surroundings").await, 401, "{fault:?}");
        kept.push(token);
    }
    tenant.clear_fault();
    let server = start().await;
    let elsewhere = token_for(&tenant, "HR", "http://127.0.0.1:1/mcp");
    assert_eq!(call(&server, &format!("Bearer {elsewhere}"), "surroundings").await, 401);
    for malformed in
        ["Bearer malformed-secret-1 x", "Basic bWFsZm9ybWVkLXNlY3JldA==", "Bearer \"malformed-secret-2\""]
    {
        assert!(matches!(call(&server, malformed, "surroundings").await, 400 | 401));
    }
    tenant.shutdown().await;
    let last = "a-token-that-nobody-can-check-any-more";
    assert_eq!(call(&server, &format!("Bearer {last}"), "surroundings").await, 503);
    kept.extend([elsewhere, last.to_owned()]);
    kept.extend(["malformed-secret", "bWFsZm9ybWVkLXNlY3JldA"].map(str::to_owned));
    assert_kept_secret(&kept.iter().map(String::as_str).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_log_has_what_the_caller_does_not_get_to_see() {
    LazyLock::force(&LOG);
    let server = TestServer::start().await;
    let client = server.client_with("nothing", Revision::Modern);
    let reply = client.call("fails_masked", json!({})).await;
    let text = reply.text_content();
    let reference = text.trim_start_matches("internal error (reference ").trim_end_matches(')');
    let log = LOG.text();
    let line = log.lines().find(|line| line.contains(reference)).expect("the reference is in the log");
    assert!(line.contains("fails_masked") && line.contains("the password is swordfish"), "{line}");
}

#[tokio::test]
async fn an_outage_is_logged_with_what_to_do_about_it() {
    LazyLock::force(&LOG);
    let tenant = tenant(|tenant| tenant).await;
    let server = tenant_server(&tenant, |server| server).await;
    tenant.set_fault(Fault::WrongCredentials);
    let token = token_for(&tenant, "HR", &server.endpoint);
    assert_eq!(call(&server, &format!("Bearer {token}"), "surroundings").await, 503);
    let log = LOG.text();
    let line =
        log.lines().find(|line| line.contains(tenant.auth_url()) && line.contains("ERROR")).unwrap_or_default();
    assert!(line.contains("PROPELAUTH_INTROSPECTION_CLIENT_SECRET"), "{line:?}");
}

#[tokio::test]
async fn every_decision_is_recorded_with_who_what_and_why() {
    LazyLock::force(&LOG);
    let tenant = tenant(|tenant| tenant).await;
    let server = tenant_server(&tenant, |server| server).await;
    let person = tenant.person_of_role("Support").unwrap();
    let client = server.client_with(&token_for(&tenant, "Support", &server.endpoint), Revision::Modern);
    for (tool, outcome) in [
        ("people_private", "insufficient_scope"),
        ("surroundings", "completed"),
        ("fails_shown", "failed"),
        ("fails_masked", "internal_error"),
        ("panics", "panicked"),
        ("dawdles", "timed_out"),
        ("arguments", "invalid_arguments"),
        ("owner_only", "hidden"),
        ("no_such_tool", "unknown_tool"),
    ] {
        let mut message = client.call_message(tool, &json!({ "a": "argument-value" }));
        if tool != "arguments" {
            message["params"]["arguments"] = json!({});
        }
        let id = format!("decision-{tool}");
        message["id"] = id.as_str().into();
        client.send(&message).await;
        let log = LOG.text();
        let records: Vec<_> =
            log.lines().filter(|line| line.contains("toolgate::audit") && line.contains(&id)).collect();
        let [record] = records[..] else { panic!("one record of {tool}: {records:?}") };
        for part in [format!("tool=\"{tool}\""), format!("outcome=\"{outcome}\""), person.id.clone()] {
            assert!(record.contains(&part), "{part}: {record}");
        }
        assert!(!record.contains("argument-value"), "{record}");
    }
}

#[tokio::test]
async fn drift_is_named_when_the_server_starts() {
    LazyLock::force(&LOG);
    let tenant = tenant(|tenant| tenant).await;
    let _server = tenant_server(&tenant, |server| server).await;
    // The tenant has one scope that the server does not know, and lacks three of the server's; nothing needs
    // `files:admin` by declaration.
    for (about, scopes) in [
        ("in SCOPES, but not in PropelAuth", "files:admin, files:write, reports:read"),
        ("in PropelAuth, but not in SCOPES", "tickets:read"),
        ("no tool needs", "files:admin"),
    ] {
        eventually(about, async || {
            let log = LOG.text();
            log.lines().any(|line| line.contains("WARN") && line.contains(about) && line.ends_with(scopes))
        })
        .await;
    }
}

#[tokio::test]
async fn the_choice_of_the_issuer_is_logged_with_its_reason() {
    LazyLock::force(&LOG);
    let tenant = tenant(|tenant| tenant.issuer_variant(toolgate_dev_tenant::IssuerVariant::AtRoot)).await;
    let _server = tenant_server(&tenant, |server| server).await;
    let expected = format!("{}/oauth/2.1", tenant.auth_url());
    eventually("the choice", async || {
        let log = LOG.text();
        log.lines().any(|line| line.contains("this server is the authorization server") && line.contains(&expected))
    })
    .await;
}
