//! The metrics, as Prometheus reads them. One test: the recorder is the process's.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    time::Duration,
};

use serde_json::json;
use toolgate::{Error, auth::StaticTokens, prelude::*};
use toolgate_dev_tenant::Fault;
use toolgate_tests::{Client, Revision, TestServer, eventually, propel_auth, tenant, token_for};

/// Scopes that the tenant has too.
pub static SCOPES: Scopes = Scopes::new(&["people:read:private", "people:read:public", "tickets:read"]);

/// Work.
#[tool(scopes = "people:read:public")]
async fn works(fail: bool) -> Result<&'static str, ToolError> {
    if fail { Err(ToolError::new("as it was asked to")) } else { Ok("done") }
}

/// Work on what is not everybody's business.
#[tool(scopes = "people:read:private")]
async fn works_in_private() -> &'static str {
    "done"
}

/// Every sample: `name{labels}` and its value.
struct Metrics(BTreeMap<String, f64>, String);

impl Metrics {
    async fn of(address: SocketAddr) -> Self {
        let reply = reqwest::get(format!("http://{address}/metrics")).await.unwrap();
        assert_eq!(reply.status(), 200);
        assert!(reply.headers()["content-type"].to_str().unwrap().starts_with("text/plain"));
        let text = reply.text().await.unwrap();
        let samples = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        });
        Self(samples.collect(), text)
    }

    fn get(&self, sample: &str) -> f64 {
        self.0.get(sample).copied().unwrap_or_default()
    }

    fn series(&self) -> usize {
        self.0.len()
    }
}

/// A port that nobody has just now.
fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn everything_is_counted_and_nothing_that_a_caller_sends_becomes_a_label() {
    let tenant = tenant(|tenant| tenant).await;
    let metrics_address = free_address();
    let listener = TestServer::listener().await;
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = Server::new("metrics", &SCOPES)
        .server_url(url)
        .auth(propel_auth(&tenant))
        .metrics_address(metrics_address)
        .cache_ttl(Duration::from_mins(5))
        .skip_preflight();
    let server = TestServer::run(listener, server).await;
    eventually("the metrics are served", async || {
        reqwest::get(format!("http://{metrics_address}/metrics")).await.is_ok()
    })
    .await;
    let token = token_for(&tenant, "Support", &server.endpoint);
    let client = server.client_with(&token, Revision::Modern);

    for _ in 0..3 {
        assert!(client.call("works", json!({ "fail": false })).await.is_success());
    }
    assert!(client.call("works", json!({ "fail": true })).await.is_tool_error());
    assert!(client.call("works", json!({ "fail": "perhaps" })).await.is_tool_error());
    assert_eq!(client.call("works_in_private", json!({})).await.status, 403);
    assert_eq!(client.tools().await, ["works"]);
    assert_eq!(server.client(Revision::Modern).list().await.status, 401);
    assert_eq!(Client::new(&server.endpoint, Revision::Modern).token("garbage").list().await.status, 401);
    assert_eq!(Client::new(&server.endpoint, Revision::Modern).token("garbage").list().await.status, 401);

    let before = Metrics::of(metrics_address).await;
    for (sample, value) in [
        (r#"toolgate_calls_total{tool="works",outcome="completed"}"#, 3.0),
        (r#"toolgate_calls_total{tool="works",outcome="failed"}"#, 1.0),
        (r#"toolgate_calls_total{tool="works",outcome="invalid_arguments"}"#, 1.0),
        (r#"toolgate_calls_total{tool="works_in_private",outcome="insufficient_scope"}"#, 1.0),
        (r#"toolgate_call_duration_seconds_count{tool="works"}"#, 5.0),
        (r#"toolgate_decisions_total{reason="allowed"}"#, 5.0),
        (r#"toolgate_decisions_total{reason="listed"}"#, 1.0),
        (r#"toolgate_decisions_total{reason="insufficient_scope"}"#, 1.0),
        (r#"toolgate_decisions_total{reason="missing_token"}"#, 1.0),
        (r#"toolgate_decisions_total{reason="invalid_token"}"#, 2.0),
        (r#"toolgate_cache_lookups_total{result="hit"}"#, 6.0),
        // The tenant's token, and the garbage the first time.
        (r#"toolgate_cache_lookups_total{result="miss"}"#, 2.0),
        (r#"toolgate_cache_lookups_total{result="inactive"}"#, 1.0),
        (r#"toolgate_introspection_duration_seconds_count{outcome="active"}"#, 1.0),
        (r#"toolgate_introspection_duration_seconds_count{outcome="inactive"}"#, 1.0),
        ("toolgate_breaker_state", 0.0),
        ("toolgate_requests_in_flight", 0.0),
    ] {
        assert!((before.get(sample) - value).abs() < f64::EPSILON, "{sample} is not {value}:\n{}", before.1);
    }
    assert!(before.1.contains("# HELP toolgate_calls_total Calls of tools, by how they ended."), "{}", before.1);

    // Whatever callers make up, there is one more series for all of it.
    for i in 0..50 {
        let name = format!("made_up_{i}");
        assert_eq!(client.call(&name, json!({})).await.error_code(), Some(-32602));
    }
    let after = Metrics::of(metrics_address).await;
    let unknown = r#"toolgate_calls_total{tool="unknown",outcome="unknown_tool"}"#;
    assert!((after.get(unknown) - 50.0).abs() < f64::EPSILON);
    // The calls of unknown tools, and the decisions about them.
    assert_eq!(after.series(), before.series() + 2, "{}", after.1);
    let person = tenant.person_of_role("Support").unwrap().id.clone();
    for secret in ["made_up", "garbage", &token, &person, "5a3e1f00-0000-4000-8000-000000000001"] {
        assert!(!after.1.contains(secret), "{secret} is in the metrics");
    }

    // The breaker opens when the authorization server is gone.
    tenant.set_fault(Fault::ServerError);
    for i in 0..5 {
        let fresh = Client::new(&server.endpoint, Revision::Modern).token(&format!("fresh-{i}"));
        assert_eq!(fresh.list().await.status, 503);
    }
    let open = Metrics::of(metrics_address).await;
    assert!((open.get("toolgate_breaker_state") - 2.0).abs() < f64::EPSILON, "{}", open.1);
    assert!(open.get(r#"toolgate_introspection_duration_seconds_count{outcome="unavailable"}"#) >= 5.0);
    assert!((open.get(r#"toolgate_decisions_total{reason="tokens_unavailable"}"#) - 5.0).abs() < f64::EPSILON);

    // An address that is taken keeps a server from starting, and says which variable it was.
    let second = Server::new("metrics", &SCOPES)
        .server_url("http://127.0.0.1:8000")
        .auth(StaticTokens::new())
        .metrics_address(metrics_address)
        .skip_preflight();
    let error = second.build().unwrap().serve_on(TestServer::listener().await, std::future::pending()).await;
    assert!(matches!(&error, Err(Error::ListenForMetrics { .. })), "{error:?}");
    assert!(error.unwrap_err().to_string().contains("METRICS_ADDR"));
}
