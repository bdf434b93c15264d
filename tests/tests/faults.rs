//! Every way in which the authorization server can go wrong: the exact status that callers see, and exactly how often
//! the authorization server was asked. What the refusals look like is held in `e2e/fail_closed.rs`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::time::Duration;

use axum::{
    Router,
    body::Body,
    http::{Request, Response},
};
use serde_json::json;
use tokio::task::JoinSet;
use toolgate::Server;
use toolgate_dev_tenant::{DevTenant, Fault};
use toolgate_tests::{Client, Probe, Revision, SCOPES, TestServer, eventually, propel_auth, tenant, token_for};
use tower::ServiceExt;

/// A server that gives the tenant a quarter of a second.
async fn hurried_server(tenant: &DevTenant) -> TestServer {
    let auth = propel_auth(tenant).timeout(Duration::from_millis(250));
    TestServer::with(|server| server.auth(auth)).await
}

async fn status(client: &Client) -> u16 {
    client.call("surroundings", json!({})).await.status
}

/// Every fault with the status that it leads to, and how often the tenant is asked about a token that nobody knows yet:
/// twice where asking again may help, once where the same question would get the same answer or where the tenant asked
/// for a pause.
fn faults() -> Vec<(Fault, u16, u64)> {
    vec![
        (Fault::delay(Duration::from_millis(20)), 200, 1),
        (Fault::delay(Duration::from_mins(1)), 503, 2),
        (Fault::Hang, 503, 2),
        (Fault::ServerError, 503, 2),
        (Fault::TooManyRequests { retry_after_seconds: None }, 503, 2),
        (Fault::TooManyRequests { retry_after_seconds: Some(17) }, 503, 1),
        (Fault::MalformedJson, 503, 1),
        (Fault::oversized(), 503, 1),
        (Fault::WrongCredentials, 503, 1),
        (Fault::MissingAudience, 401, 1),
        (Fault::ScopeAsArray, 200, 1),
        (Fault::ExpiredButActive, 401, 1),
        (Fault::Redirect, 503, 1),
        (Fault::MissingActive, 503, 1),
    ]
}

#[tokio::test]
async fn every_fault_has_its_status_and_its_number_of_questions() {
    for (fault, expected, questions) in faults() {
        let tenant = tenant(|tenant| tenant).await;
        let server = hurried_server(&tenant).await;
        let client = server.client_with(&token_for(&tenant, "HR", &server.endpoint), Revision::Modern);
        tenant.set_fault(fault.clone());
        assert_eq!(status(&client).await, expected, "{fault:?}");
        assert_eq!(tenant.introspection_count(), questions, "{fault:?}");
        // Whatever was an answer is remembered, and what was none is not.
        tenant.clear_fault();
        let (expected, more) = if expected == 503 { (200, 1) } else { (expected, 0) };
        assert_eq!(status(&client).await, expected, "after {fault:?}");
        assert_eq!(tenant.introspection_count(), questions + more, "after {fault:?}");
    }
}

#[tokio::test]
async fn no_fault_touches_a_token_that_is_known() {
    let tenant = tenant(|tenant| tenant).await;
    // The time is that of the whole test.
    let server = TestServer::with(|server| server.auth(propel_auth(&tenant)).cache_ttl(Duration::from_mins(5))).await;
    let client = server.client_with(&token_for(&tenant, "HR", &server.endpoint), Revision::Modern);
    assert_eq!(status(&client).await, 200);
    for (fault, ..) in faults() {
        tenant.set_fault(fault.clone());
        assert_eq!(status(&client).await, 200, "{fault:?}");
    }
    assert_eq!(tenant.introspection_count(), 1);
}

#[tokio::test]
async fn after_five_failures_nobody_asks_until_one_may_try() {
    let tenant = tenant(|tenant| tenant).await;
    let server = hurried_server(&tenant).await;
    let client = server.client_with(&token_for(&tenant, "HR", &server.endpoint), Revision::Modern);
    tenant.set_fault(Fault::ServerError);
    for failures in 1..=5 {
        assert_eq!(status(&client).await, 503);
        assert_eq!(tenant.introspection_count(), 2 * failures, "each asks, and asks again");
    }
    let reply = client.call("surroundings", json!({})).await;
    assert_eq!((reply.status, reply.header("retry-after")), (503, "1"));
    assert_eq!(tenant.introspection_count(), 10, "nobody asks any more");
    eventually("somebody may try", async || {
        assert_eq!(status(&client).await, 503);
        tenant.introspection_count() > 10
    })
    .await;
    assert_eq!(tenant.introspection_count(), 12, "one tried, twice");
    tenant.clear_fault();
    eventually("it works again", async || status(&client).await == 200).await;
    assert_eq!(tenant.introspection_count(), 13, "one try was enough");
    assert_eq!(server.probe.runs(), 1);
}

/// The server's router without a socket, and the request of a call.
fn without_sockets(tenant: &DevTenant) -> (Router, Probe) {
    let probe = Probe::default();
    let server = Server::new("toolgate-tests", &SCOPES)
        .server_url("http://127.0.0.1:8000")
        .skip_preflight()
        .auth(propel_auth(tenant))
        .max_requests_in_flight(20_000)
        .max_requests_per_caller(20_000)
        .state(probe.clone());
    (server.build().unwrap().into_router(), probe)
}

fn call(token: &str) -> Request<Body> {
    let message = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": "people_private", "arguments": {} },
    });
    Request::post("/mcp")
        .header("Host", "127.0.0.1:8000")
        .header("Authorization", format!("Bearer {token}"))
        .header("Content-Type", "application/json")
        .header("Accept", "application/json, text/event-stream")
        .header("MCP-Protocol-Version", "2025-11-25")
        .body(Body::from(message.to_string()))
        .unwrap()
}

/// The statuses of so many calls at once with one token.
async fn all_at_once(router: &Router, token: &str, calls: usize) -> Vec<u16> {
    let mut running = JoinSet::new();
    for _ in 0..calls {
        running.spawn(router.clone().oneshot(call(token)));
    }
    running
        .join_all()
        .await
        .into_iter()
        .map(|response: Result<Response<_>, _>| response.unwrap().status().as_u16())
        .collect()
}

#[tokio::test]
async fn ten_thousand_calls_with_one_cold_token_ask_once() {
    let tenant = tenant(|tenant| tenant).await;
    let (router, probe) = without_sockets(&tenant);
    // So that all of them come while the question is under way.
    tenant.set_fault(Fault::delay(Duration::from_secs(1)));
    let good = token_for(&tenant, "HR", "http://127.0.0.1:8000/mcp");
    let statuses = all_at_once(&router, &good, 10_000).await;
    assert!(statuses.iter().all(|&status| status == 200));
    assert_eq!((tenant.introspection_count(), probe.runs()), (1, 10_000));

    let statuses = all_at_once(&router, "no-such-token", 10_000).await;
    assert!(statuses.iter().all(|&status| status == 401));
    assert_eq!((tenant.introspection_count(), probe.runs()), (2, 10_000));
}

#[tokio::test]
async fn however_many_calls_fail_the_breaker_bounds_the_questions() {
    let tenant = tenant(|tenant| tenant).await;
    let (router, probe) = without_sockets(&tenant);
    tenant.set_fault(Fault::TooManyRequests { retry_after_seconds: Some(60) });
    for token in 0..20 {
        let statuses = all_at_once(&router, &format!("token-{token}"), 50).await;
        assert!(statuses.iter().all(|&status| status == 503));
    }
    // A pause is over after a second, and one may try then: on a slow machine that is part of the test.
    let questions = tenant.introspection_count();
    assert!((5..=10).contains(&questions), "{questions} questions about 20 tokens in 1000 calls");
    assert_eq!(probe.runs(), 0);
}
