//! Faults of the authorization server: the status that callers get, and how many introspection requests are sent.
//! `fail_closed.rs` tests the responses themselves.

use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;
use toolgate::Server;
use toolgate_dev_tenant::{DevTenant, Fault};
use toolgate_tests::{
    CONTROL_QUESTION, Client, InProcessClient, IntrospectionStub, Revision, SCOPES, StubFault, TestServer,
    ToolBodies, eventually, http_client, propel_auth, send, start_tenant, token_for,
};

/// Starts a server whose introspection timeout is 250 ms.
async fn start_with_short_timeout(tenant: &DevTenant) -> TestServer {
    let auth = propel_auth(tenant).timeout(Duration::from_millis(250));
    TestServer::with(|server| server.auth(auth)).await
}

async fn status(client: &Client) -> u16 {
    client.call("request_info", json!({})).await.status
}

async fn is_ready(server: &TestServer) -> bool {
    send(http_client().get(format!("{}/readyz", server.url))).await.status == 200
}

/// Returns every fault with the status of a call with an uncached token, and with the number of introspection requests:
/// about it: two where a retry may help, one where it would get the same response or where the tenant sent `Retry-After`.
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
async fn every_fault_has_its_status_and_number_of_introspections() {
    for (fault, expected, introspections) in faults() {
        let tenant = start_tenant().await;
        let server = start_with_short_timeout(&tenant).await;
        let client = server.client_with(&token_for(&tenant, "HR", &server.endpoint), Revision::Modern);
        tenant.set_fault(fault.clone());
        assert_eq!(status(&client).await, expected, "{fault:?}");
        if expected == 503 {
            // A random token is introspected in the same way, because the failure may concern one token only.
            eventually("the control question is asked", async || tenant.introspection_count() >= 2 * introspections)
                .await;
        }
        let introspections = if expected == 503 { 2 * introspections } else { introspections };
        assert_eq!(tenant.introspection_count(), introspections, "{fault:?}");
        // A valid introspection response is cached, active or not.
        tenant.clear_fault();
        let (expected, more) = if expected == 503 { (200, 1) } else { (expected, 0) };
        assert_eq!(status(&client).await, expected, "after {fault:?}");
        assert_eq!(tenant.introspection_count(), introspections + more, "after {fault:?}");
    }
}

#[tokio::test]
async fn no_fault_affects_a_cached_token() {
    let tenant = start_tenant().await;
    // The token stays cached for the whole test.
    let server = TestServer::with(|server| {
        server.auth(propel_auth(&tenant)).token_cache(|cache| cache.ttl = Some(Duration::from_mins(5)))
    })
    .await;
    let client = server.client_with(&token_for(&tenant, "HR", &server.endpoint), Revision::Modern);
    assert_eq!(status(&client).await, 200);
    for (fault, ..) in faults() {
        tenant.set_fault(fault.clone());
        assert_eq!(status(&client).await, 200, "{fault:?}");
    }
    assert_eq!(tenant.introspection_count(), 1);
}

#[tokio::test]
async fn after_five_failures_the_circuit_breaker_opens_and_then_tries_once() {
    let stub = IntrospectionStub::start().await;
    let server = TestServer::with(|server| server.auth(stub.propel_auth())).await;
    stub.set_response(json!({ "active": true, "sub": "harriet", "aud": server.endpoint }).to_string());
    stub.fail_for("token=", StubFault::Status(500));
    let client = server.client_with("known", Revision::Modern);
    let introspections = || stub.requests_for("token=known");
    for failures in 1..=5 {
        assert_eq!(status(&client).await, 503);
        assert_eq!(introspections(), 2 * failures, "each call introspects twice");
    }
    eventually("a control question has confirmed the outage", async || !is_ready(&server).await).await;
    let response = client.call("request_info", json!({})).await;
    assert_eq!((response.status, response.header("retry-after")), (503, "1"));
    assert_eq!(introspections(), 10, "the circuit breaker is open");
    eventually("the circuit breaker is half open", async || {
        assert_eq!(status(&client).await, 503);
        introspections() > 10
    })
    .await;
    assert_eq!(introspections(), 12, "one call introspects twice");
    stub.clear_fault();
    eventually("the circuit breaker is closed", async || status(&client).await == 200).await;
    assert_eq!(introspections(), 13, "one introspection closes the circuit breaker");
    assert_eq!(server.bodies.runs(), 1);
    let questions = stub.requests_for(CONTROL_QUESTION);
    println!("{questions} introspections for control questions");
}

/// Creates a client of a server without a socket, with limits above what these tests send.
fn in_process(tenant: &DevTenant) -> (InProcessClient, ToolBodies) {
    let bodies = ToolBodies::default();
    let server = Server::new("toolgate-tests", &SCOPES)
        .skip_preflight()
        .auth(propel_auth(tenant))
        .limits(|limits| {
            limits.max_requests_in_flight = 20_000;
            limits.max_requests_per_caller = 20_000;
            limits.max_unknown_tokens = 20_000;
        })
        .state(bodies.clone());
    (InProcessClient::new(server), bodies)
}

/// Returns the statuses of `count` concurrent calls with one token.
async fn concurrent_statuses(client: &InProcessClient, token: &str, count: usize) -> Vec<u16> {
    let mut calls = JoinSet::new();
    for _ in 0..count {
        let (client, token) = (client.clone(), token.to_owned());
        calls.spawn(async move { client.call(&token, "people_private").await.status });
    }
    calls.join_all().await
}

#[tokio::test]
async fn ten_thousand_calls_with_one_uncached_token_introspect_once() {
    let tenant = start_tenant().await;
    let (client, bodies) = in_process(&tenant);
    // All calls arrive while the first introspection is in flight.
    tenant.set_fault(Fault::delay(Duration::from_secs(1)));
    let valid = token_for(&tenant, "HR", &format!("{}/mcp", InProcessClient::SERVER_URL));
    let statuses = concurrent_statuses(&client, &valid, 10_000).await;
    assert!(statuses.iter().all(|&status| status == 200));
    assert_eq!((tenant.introspection_count(), bodies.runs()), (1, 10_000));

    let statuses = concurrent_statuses(&client, "no-such-token", 10_000).await;
    assert!(statuses.iter().all(|&status| status == 401));
    assert_eq!((tenant.introspection_count(), bodies.runs()), (2, 10_000));
}

#[tokio::test]
async fn the_circuit_breaker_bounds_the_introspections_of_failing_calls() {
    let tenant = start_tenant().await;
    let (client, bodies) = in_process(&tenant);
    tenant.set_fault(Fault::TooManyRequests { retry_after_seconds: Some(60) });
    for token in 0..20 {
        let statuses = concurrent_statuses(&client, &format!("token-{token}"), 50).await;
        assert!(statuses.iter().all(|&status| status == 503));
    }
    // The circuit breaker is half open after a second, which a slow machine may need for the calls.
    let introspections = tenant.introspection_count();
    assert!((5..=10).contains(&introspections), "{introspections} introspections for 20 tokens in 1000 calls");
    assert_eq!(bodies.runs(), 0);
}
