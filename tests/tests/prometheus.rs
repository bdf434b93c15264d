//! A real Prometheus scrapes a server: it accepts the alert rules, evaluates every expression of the dashboard, and fires
//! the alerts of a real outage. Requires the feature `drills`, and starts `prometheus` and `promtool`.
//!
//! One server in a process: the metrics recorder is global.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::{
    collections::BTreeSet,
    fs,
    net::SocketAddr,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
};

use serde_json::{Value, json};
use tempfile::TempDir;
use toolgate::prelude::*;
use toolgate_dev_tenant::{DevTenant, TenantData};
use toolgate_tests::{
    Revision, TestServer, eventually, free_address, http_client,
    observability::{
        alerts::{self, ALERTS, Alert},
        dashboard, expression, repository,
    },
    propel_auth, start_tenant_with, token_for,
};

/// Scopes of the server, which the tenant has, too.
pub static SCOPES: Scopes = Scopes::new(&["people:read:public"]);

/// Succeed or fail.
#[tool(scopes = "people:read:public")]
async fn works(fail: bool) -> Result<&'static str, ToolError> {
    if fail { Err(ToolError::new("as requested")) } else { Ok("done") }
}

/// A running `prometheus`, which is killed when this value is dropped.
struct Prometheus {
    url: String,
    child: Child,
    _folder: TempDir,
}

impl Prometheus {
    /// Starts a Prometheus that scrapes `target` five times a second.
    async fn start(target: SocketAddr, rules: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("alerts.yml"), rules).unwrap();
        let config = format!(
            "global: {{ scrape_interval: 200ms, scrape_timeout: 200ms, evaluation_interval: 200ms }}\n\
             rule_files: [alerts.yml]\n\
             scrape_configs:\n  - job_name: toolgate\n    static_configs: [{{ targets: ['{target}'] }}]\n"
        );
        fs::write(folder.path().join("prometheus.yml"), config).unwrap();
        let address = free_address();
        let child = Command::new("prometheus")
            .arg(format!("--web.listen-address={address}"))
            .arg("--config.file=prometheus.yml")
            .arg("--storage.tsdb.path=data")
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{}", not_installed(&error)));
        let prometheus = Self { url: format!("http://{address}"), child, _folder: folder };
        eventually("prometheus is ready", async || {
            http_client()
                .get(format!("{}/-/ready", prometheus.url))
                .send()
                .await
                .is_ok_and(|ready| ready.status() == 200)
        })
        .await;
        prometheus
    }

    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Value {
        let url = url::Url::parse_with_params(&format!("{}{path}", self.url), query).unwrap();
        let body = http_client().get(url).send().await.unwrap().text().await.unwrap();
        serde_json::from_str(&body).unwrap()
    }

    /// Evaluates an expression. Returns its samples.
    async fn query(&self, expression: &str) -> Vec<Value> {
        let response = self.get("/api/v1/query", &[("query", expression)]).await;
        assert_eq!(response["status"], "success", "{expression}: {response}");
        response["data"]["result"].as_array().unwrap().clone()
    }

    /// Returns the names of the alerts that fire.
    async fn firing(&self) -> BTreeSet<String> {
        let response = self.get("/api/v1/alerts", &[]).await;
        let alerts = response["data"]["alerts"].as_array().unwrap();
        let firing = alerts.iter().filter(|alert| alert["state"] == "firing");
        firing.map(|alert| alert["labels"]["alertname"].as_str().unwrap().to_owned()).collect()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn not_installed(error: &std::io::Error) -> String {
    format!("cannot start prometheus ({error}); install it, for example with `apt-get install prometheus`")
}

/// Returns the alerts with times that a test can wait for.
fn quick_alerts() -> Vec<Alert> {
    let quick = |alert: &Alert| {
        let mut expression = alert.expression.to_owned();
        for window in ["[5m]", "[10m]", "[30m]"] {
            expression = expression.replace(window, "[2s]");
        }
        assert_eq!(expression.matches('[').count(), expression.matches("[2s]").count(), "{expression}");
        Alert { hold: "400ms", expression: expression.leak(), ..alert.clone() }
    };
    ALERTS.iter().map(quick).collect()
}

/// Starts the tenant of a data file at an address.
async fn start(folder: &TempDir, address: SocketAddr) -> DevTenant {
    let data = TenantData::open(folder.path().join("tenant.jsonl")).unwrap();
    start_tenant_with(|tenant| tenant.bind(address).data(data)).await
}

#[test]
fn promtool_accepts_the_rules_and_each_alert_fires_for_its_series_only() {
    for check in [["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]] {
        let output =
            Command::new("promtool").args(check).current_dir(repository().join("deploy/prometheus")).output();
        let output = output.unwrap_or_else(|error| panic!("{}", not_installed(&error)));
        assert!(output.status.success(), "{check:?}: {output:?}");
    }
}

#[tokio::test]
async fn an_outage_of_the_authorization_server_fires_alerts_until_it_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let tenant = start(&folder, free_address()).await;
    let (address, metrics_address) = (tenant.address(), free_address());
    let server = TestServer::serve(|url| {
        let server = Server::new("metrics", &SCOPES).server_url(url).auth(propel_auth(&tenant));
        server.http(|http| http.metrics_address = Some(metrics_address))
    })
    .await;
    let prometheus = Prometheus::start(metrics_address, &alerts::rules(&quick_alerts())).await;
    eventually("the server is ready", async || {
        prometheus.query("toolgate_ready == 1 and toolgate_preflight_fatal_diagnostics == 0").await.len() == 1
    })
    .await;
    let build = prometheus.query("toolgate_build_info").await;
    assert_eq!(build[0]["metric"]["server"], "metrics");
    assert_eq!(build[0]["metric"]["server_version"], env!("CARGO_PKG_VERSION"));

    // Every expression of the dashboard is valid, and has a value if the server has what it shows.
    let client = server.client_with(&token_for(&tenant, "HR", &server.endpoint), Revision::Modern);
    for text in dashboard::expressions() {
        let is_absent =
            ["prompt", "resource_read", "replication", "toolgate_tasks", "toolgate_sessions", "toolgate_streams"];
        let matchers = dashboard::MATCHERS.replace("$job", "toolgate").replace("$instance", ".+");
        let query = expression::with_matchers(text, &matchers).replace("$__rate_interval", "2s");
        let mut samples = Vec::new();
        eventually(text, async || {
            assert!(client.call("works", json!({ "fail": false })).await.is_success());
            assert!(client.call("works", json!({ "fail": true })).await.is_tool_error());
            assert_eq!(server.client(Revision::Modern).list().await.status, 401);
            samples = prometheus.query(&query).await;
            is_absent.iter().any(|name| text.contains(name)) || !samples.is_empty()
        })
        .await;
    }
    assert_eq!(prometheus.firing().await, BTreeSet::new(), "no alert fires for a server that works");

    tenant.shutdown().await;
    let uncached = AtomicUsize::new(0);
    let expected: BTreeSet<_> =
        ["ToolgateTokensUnavailable", "ToolgateCircuitBreakerOpen", "ToolgateNotReady"].map(str::to_owned).into();
    eventually("the alerts fire", async || {
        let token = format!("uncached-{}", uncached.fetch_add(1, Ordering::Relaxed));
        assert_eq!(server.client_with(&token, Revision::Modern).list().await.status, 503);
        prometheus.firing().await.is_superset(&expected)
    })
    .await;

    let tenant = start(&folder, address).await;
    eventually("no alert fires any more", async || prometheus.firing().await.is_empty()).await;
    assert!(client.call("works", json!({ "fail": false })).await.is_success());
    drop(tenant);
}
