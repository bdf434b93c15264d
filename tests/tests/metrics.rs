//! The metrics that Prometheus scrapes.
//!
//! In a process of its own: the metrics recorder is global.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::Duration,
};

use serde_json::json;
use tokio::net::TcpStream;
use toolgate::{
    Error, Rate,
    auth::{Claims, StaticTokens},
    metrics::{DEFINITIONS, Kind},
    prelude::*,
};
use toolgate_dev_tenant::Fault;
use toolgate_tests::{
    RawRequest, Revision, TestServer, eventually, free_address, propel_auth, read_to_end, start_tenant, token_for,
};

/// Scopes of the server, which the tenant has, too.
pub static SCOPES: Scopes = Scopes::new(&["people:read:private", "people:read:public", "tickets:read"]);

/// Succeed or fail.
#[tool(scopes = "people:read:public")]
async fn works(fail: bool) -> Result<&'static str, ToolError> {
    if fail { Err(ToolError::new("as requested")) } else { Ok("done") }
}

/// Succeed.
#[tool(scopes = "people:read:private")]
async fn works_privately() -> &'static str {
    "done"
}

/// The samples of a scrape, by `name{labels}`.
struct Metrics {
    samples: BTreeMap<String, f64>,
    text: String,
}

impl Metrics {
    async fn scrape(address: SocketAddr) -> Self {
        let response = reqwest::get(format!("http://{address}/metrics")).await.unwrap();
        assert_eq!(response.status(), 200);
        assert!(response.headers()["content-type"].to_str().unwrap().starts_with("text/plain"));
        let text = response.text().await.unwrap();
        let samples = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        });
        Self { samples: samples.collect(), text }
    }

    fn get(&self, sample: &str) -> f64 {
        self.samples.get(sample).copied().unwrap_or_default()
    }

    /// Checks what the metrics of a server have from its start.
    fn check_start(&self) {
        let help = "# HELP toolgate_calls_total Tool calls, by outcome.";
        assert!(self.text.contains(help), "{}", self.text);
        // A counter that begins with its first event hides it from `rate`.
        assert!(self.samples.contains_key(r#"toolgate_decisions_total{reason="tokens_unavailable"}"#));
        assert!(self.samples.contains_key("toolgate_audit_records_lost_total"));
        let version = env!("CARGO_PKG_VERSION");
        let build = format!(
            r#"toolgate_build_info{{server="metrics",server_version="{version}",toolgate_version="{version}"}}"#
        );
        assert!((self.get(&build) - 1.0).abs() < f64::EPSILON, "{}", self.text);
        assert!((self.get("toolgate_ready") - 1.0).abs() < f64::EPSILON, "{}", self.text);
    }

    /// Checks that every sample is of a defined metric, with its kind and its labels.
    fn check_definitions(&self) {
        for sample in self.samples.keys() {
            let (name, labels) = sample.split_once('{').unwrap_or((sample, ""));
            let metric = DEFINITIONS.iter().find(|metric| match metric.kind {
                Kind::Histogram => name.strip_prefix(metric.name).is_some_and(|end| end.starts_with('_')),
                _ => metric.name == name,
            });
            let metric = metric.unwrap_or_else(|| panic!("{name} is not defined"));
            assert!(self.text.contains(&format!("# TYPE {} {}\n", metric.name, metric.kind.name())), "{name}");
            let labels = labels.trim_end_matches('}').split("\",").filter(|label| !label.is_empty());
            let labels: BTreeMap<_, _> = labels
                .map(|label| label.split_once("=\"").unwrap())
                .map(|(label, value)| (label, value.trim_end_matches('"')))
                .filter(|(label, _)| *label != "le")
                .collect();
            let defined: BTreeSet<_> = metric.labels.iter().map(|label| label.name).collect();
            assert_eq!(labels.keys().copied().collect::<BTreeSet<_>>(), defined, "{sample}");
            for label in metric.labels.iter().filter(|label| !label.values.is_empty()) {
                assert!(label.values.contains(&labels[label.name]), "{sample}");
            }
        }
    }
}

/// Checks the hosts that requests for metrics may name.
async fn only_known_hosts_are_served(address: SocketAddr) {
    for (host, status) in [("metrics.internal", 200), ("localhost", 200), ("evil.example", 403)] {
        let scrape = RawRequest::new("GET", "/metrics").header("Host", host).send(address).await;
        assert_eq!(scrape.status, status, "{host}");
    }
}

/// Checks that requests beyond a rate are counted by their limit.
async fn check_rates(metrics_address: SocketAddr) {
    let limited = TestServer::serve(|url| {
        let tokens = StaticTokens::new().token("ann", Claims::new().subject("ann").audience_verified());
        let server = Server::new("metrics", &SCOPES).server_url(url).auth(tokens).skip_preflight();
        server.rates(|rates| rates.caller = Some(Rate::per_day(1)))
    })
    .await;
    for status in [200, 429] {
        assert_eq!(limited.client_with("ann", Revision::Modern).list().await.status, status);
    }
    let limited = Metrics::scrape(metrics_address).await;
    for sample in
        [r#"toolgate_rate_limited_total{limit="caller"}"#, r#"toolgate_decisions_total{reason="rate_limited"}"#]
    {
        assert!((limited.get(sample) - 1.0).abs() < f64::EPSILON, "{sample}: {}", limited.text);
    }
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "the sequence of requests, then the counts of all of them")]
async fn requests_are_counted_and_no_label_is_taken_from_a_request() {
    let tenant = start_tenant().await;
    let metrics_address = free_address();
    let server = TestServer::serve(|url| {
        let server = Server::new("metrics", &SCOPES).server_url(url).auth(propel_auth(&tenant)).skip_preflight();
        server
            .http(|http| http.metrics_address = Some(metrics_address))
            .http(|http| http.metrics_hosts = vec!["metrics.internal".to_owned()])
            .token_cache(|cache| cache.ttl = Some(Duration::from_mins(5)))
    })
    .await;
    eventually("the metrics are served", async || {
        reqwest::get(format!("http://{metrics_address}/metrics")).await.is_ok()
    })
    .await;
    let token = token_for(&tenant, "Support", &server.endpoint);
    // The limit on the connections of this endpoint is 8. Those that send nothing are closed for new ones.
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(TcpStream::connect(metrics_address).await.unwrap());
    }
    Metrics::scrape(metrics_address).await;
    for stream in &mut silent[..80] {
        assert_eq!(read_to_end(stream).await, "");
    }
    let client = server.client_with(&token, Revision::Modern);

    for _ in 0..3 {
        assert!(client.call("works", json!({ "fail": false })).await.is_success());
    }
    assert!(client.call("works", json!({ "fail": true })).await.is_tool_error());
    assert!(client.call("works", json!({ "fail": "perhaps" })).await.is_tool_error());
    assert_eq!(client.call("works_privately", json!({})).await.status, 403);
    assert_eq!(client.tool_names().await, ["works"]);
    assert_eq!(server.client(Revision::Modern).list().await.status, 401);
    for _ in 0..2 {
        assert_eq!(server.client_with("garbage", Revision::Modern).list().await.status, 401);
    }

    only_known_hosts_are_served(metrics_address).await;
    let before = Metrics::scrape(metrics_address).await;
    for (sample, value) in [
        (r#"toolgate_calls_total{tool="works",outcome="completed"}"#, 3.0),
        (r#"toolgate_calls_total{tool="works",outcome="failed"}"#, 1.0),
        (r#"toolgate_calls_total{tool="works",outcome="invalid_arguments"}"#, 1.0),
        (r#"toolgate_calls_total{tool="works_privately",outcome="insufficient_scope"}"#, 1.0),
        (r#"toolgate_call_duration_seconds_count{tool="works"}"#, 5.0),
        (r#"toolgate_decisions_total{reason="allowed"}"#, 5.0),
        (r#"toolgate_decisions_total{reason="listed"}"#, 1.0),
        (r#"toolgate_decisions_total{reason="insufficient_scope"}"#, 1.0),
        (r#"toolgate_decisions_total{reason="missing_token"}"#, 1.0),
        (r#"toolgate_decisions_total{reason="invalid_token"}"#, 2.0),
        (r#"toolgate_token_cache_lookups_total{result="hit"}"#, 6.0),
        // The first request with each of the two tokens.
        (r#"toolgate_token_cache_lookups_total{result="miss"}"#, 2.0),
        (r#"toolgate_token_cache_lookups_total{result="inactive"}"#, 1.0),
        (r#"toolgate_introspection_duration_seconds_count{outcome="active"}"#, 1.0),
        (r#"toolgate_introspection_duration_seconds_count{outcome="inactive"}"#, 1.0),
        ("toolgate_circuit_breaker_state", 0.0),
        ("toolgate_requests_in_flight", 0.0),
    ] {
        assert!((before.get(sample) - value).abs() < f64::EPSILON, "{sample} is not {value}:\n{}", before.text);
    }
    before.check_definitions();
    before.check_start();

    // All names of unknown tools share one series.
    for i in 0..50 {
        let name = format!("made_up_{i}");
        assert_eq!(client.call(&name, json!({})).await.error_code(), Some(-32602));
    }
    let after = Metrics::scrape(metrics_address).await;
    let unknown = r#"toolgate_calls_total{tool="unknown",outcome="unknown"}"#;
    assert!((after.get(unknown) - 50.0).abs() < f64::EPSILON);
    // One series for the calls; that of the decisions existed.
    assert_eq!(after.samples.len(), before.samples.len() + 1, "{}", after.text);
    let person = tenant.person_of_role("Support").unwrap().id.clone();
    for secret in ["made_up", "garbage", &token, &person, "5a3e1f00-0000-4000-8000-000000000001"] {
        assert!(!after.text.contains(secret), "{secret} is in the metrics");
    }

    // Failing introspections open the circuit breaker.
    tenant.set_fault(Fault::ServerError);
    for i in 0..5 {
        let uncached = server.client_with(&format!("uncached-{i}"), Revision::Modern);
        assert_eq!(uncached.list().await.status, 503);
    }
    let open = Metrics::scrape(metrics_address).await;
    assert!(open.get("toolgate_ready").abs() < f64::EPSILON, "{}", open.text);
    assert!((open.get("toolgate_circuit_breaker_state") - 2.0).abs() < f64::EPSILON, "{}", open.text);
    assert!(open.get(r#"toolgate_introspection_duration_seconds_count{outcome="unavailable"}"#) >= 5.0);
    assert!((open.get(r#"toolgate_decisions_total{reason="tokens_unavailable"}"#) - 5.0).abs() < f64::EPSILON);

    // Connections are counted, and so are those that are closed because of their limit.
    assert!(open.get("toolgate_connections") >= 1.0, "{}", open.text);
    let limited = TestServer::serve(|url| {
        let server = Server::new("metrics", &SCOPES).server_url(url).auth(StaticTokens::new()).skip_preflight();
        server.http(|http| http.max_connections = Some(1))
    })
    .await;
    let mut idle = TcpStream::connect(limited.address).await.unwrap();
    assert_eq!(limited.client(Revision::Modern).list().await.status, 401);
    assert_eq!(read_to_end(&mut idle).await, "");
    let closed = Metrics::scrape(metrics_address).await;
    assert!((closed.get(r#"toolgate_connections_closed_total{reason="idle"}"#) - 1.0).abs() < f64::EPSILON);

    check_rates(metrics_address).await;

    // An address in use prevents a server from starting, with an error that names the variable.
    let second = Server::new("metrics", &SCOPES)
        .server_url("http://127.0.0.1:8000")
        .auth(StaticTokens::new())
        .http(|http| http.metrics_address = Some(metrics_address))
        .skip_preflight();
    let error = second.build().unwrap().serve_on(TestServer::listener().await, std::future::pending()).await;
    assert!(matches!(&error, Err(Error::ListenForMetrics { .. })), "{error:?}");
    assert!(error.unwrap_err().to_string().contains("METRICS_ADDR"));
}
