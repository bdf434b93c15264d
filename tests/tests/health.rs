//! What a server finds out before anybody calls, and what it tells those who keep it running.

use std::sync::LazyLock;

use axum::{body::Body, http::Request};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use toolgate::{
    BuiltServer, Error, PropelAuth, Server,
    auth::{Severity, StaticTokens},
};
use toolgate_dev_tenant::{DevTenant, Fault, IssuerVariant};
use toolgate_tests::{
    IntrospectionStub, Log, Reply, Revision, SCOPES, TestServer, eventually, propel_auth, tenant, tenant_server,
    token_for, tokens,
};
use tower::ServiceExt as _;

/// One for the process: the server's tasks run on many threads.
static LOG: LazyLock<Log> = LazyLock::new(Log::of_this_process);

/// A server that looks around when it starts.
async fn looking_server(tenant: &DevTenant) -> TestServer {
    let listener = TestServer::listener().await;
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    TestServer::run(listener, Server::new("toolgate-tests", &SCOPES).server_url(url).auth(propel_auth(tenant))).await
}

async fn get(server: &TestServer, path: &str) -> Reply {
    Reply::to(reqwest::Client::new().get(format!("{}{path}", server.base)).header("Host", "10.1.2.3:8000")).await
}

fn unready(reasons: &[&str]) -> Value {
    json!({ "status": "unready", "reasons": reasons })
}

async fn becomes_ready(server: &TestServer) {
    eventually("the server is ready", async || get(server, "/readyz").await.status == 200).await;
}

async fn becomes_unready(server: &TestServer, reasons: &[&str]) {
    eventually("the server says why it is not ready", async || {
        let reply = get(server, "/readyz").await;
        reply.status == 503 && *reply.json() == unready(reasons)
    })
    .await;
}

fn built(auth: PropelAuth) -> BuiltServer {
    let server = Server::new("toolgate-tests", &SCOPES).server_url("http://127.0.0.1:8000").auth(auth);
    server.state(toolgate_tests::Probe::default()).build().expect("everything it needs")
}

async fn findings(auth: PropelAuth) -> Vec<(Severity, &'static str, String)> {
    let preflight = built(auth).preflight().await;
    let findings = preflight.findings().iter();
    findings.map(|found| (found.severity(), found.code(), found.text().to_owned())).collect()
}

#[tokio::test]
async fn a_server_that_can_check_tokens_is_alive_and_ready() {
    let tenant = tenant(|tenant| tenant).await;
    let server = looking_server(&tenant).await;
    becomes_ready(&server).await;
    let ready = get(&server, "/readyz").await;
    assert_eq!(*ready.json(), json!({ "status": "ready" }));
    let alive = get(&server, "/healthz").await;
    assert_eq!((alive.status, alive.json()), (200, &json!({ "status": "alive" })));
    for reply in [ready, alive] {
        assert_eq!(reply.header("content-type"), "application/json");
        assert_eq!(reply.header("cache-control"), "no-store");
    }
    assert_eq!(tenant.introspection_count(), 1, "one question proves the credentials");
}

#[tokio::test]
async fn wrong_credentials_are_503_and_a_line_that_says_what_to_do_and_the_server_heals() {
    LazyLock::force(&LOG);
    let tenant = tenant(|tenant| tenant).await;
    tenant.set_fault(Fault::WrongCredentials);
    let server = looking_server(&tenant).await;
    becomes_unready(&server, &["credentials_refused"]).await;
    assert_eq!(get(&server, "/healthz").await.status, 200);
    let token = token_for(&tenant, "HR", &server.endpoint);
    let client = server.client_with(&token, Revision::Modern);
    // Often enough for nobody to be asked any more: that has to heal, too.
    for _ in 0..8 {
        let reply = client.list().await;
        assert_eq!(reply.status, 503, "{reply:?}");
        assert_ne!(reply.header("retry-after"), "");
        assert!(reply.challenge().is_none());
    }
    let log = LOG.text();
    assert!(log.contains("this server's own credentials are refused"), "{log}");
    assert!(log.contains("MCP -> Request Validation -> Create Credentials"), "{log}");

    tenant.clear_fault();
    becomes_ready(&server).await;
    assert_eq!(client.list().await.status, 200, "without waiting for the circuit breaker");
    let log = LOG.text();
    assert!(!log.contains(&token) && !log.contains(tenant.introspection_client_secret()));
}

#[tokio::test]
async fn a_server_whose_tokens_fail_later_notices_and_heals_without_a_request() {
    let tenant = tenant(|tenant| tenant).await;
    let server = looking_server(&tenant).await;
    becomes_ready(&server).await;
    tenant.set_fault(Fault::ServerError);
    let client = server.client_with(&token_for(&tenant, "HR", &server.endpoint), Revision::Modern);
    assert_eq!(client.list().await.status, 503);
    becomes_unready(&server, &["authorization_server_unavailable"]).await;
    tenant.clear_fault();
    becomes_ready(&server).await;
    assert_eq!(client.list().await.status, 200);
}

#[tokio::test]
async fn a_strict_server_does_not_start_while_something_fatal_is_found() {
    let tenant = tenant(|tenant| tenant).await;
    tenant.set_fault(Fault::WrongCredentials);
    let server = Server::new("toolgate-tests", &SCOPES)
        .server_url("http://127.0.0.1:8000")
        .auth(propel_auth(&tenant))
        .state(toolgate_tests::Probe::default())
        .strict();
    let built = server.build().unwrap();
    let result = built.serve_on(TestServer::listener().await, std::future::pending()).await;
    let Err(error @ Error::Preflight(_)) = result else { panic!("{result:?}") };
    let text = error.to_string();
    assert!(text.contains("MCP -> Request Validation -> Create Credentials"), "{text}");
    assert!(!text.contains(tenant.introspection_client_secret()), "{text}");
}

#[tokio::test]
async fn a_strict_server_that_finds_nothing_fatal_is_ready_from_its_first_request() {
    let tenant = tenant(|tenant| tenant).await;
    let listener = TestServer::listener().await;
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = Server::new("toolgate-tests", &SCOPES).server_url(url).auth(propel_auth(&tenant)).strict();
    let server = TestServer::run(listener, server).await;
    assert_eq!(get(&server, "/readyz").await.status, 200);
}

#[tokio::test]
async fn strict_cannot_skip_what_it_depends_on() {
    let server = Server::new("toolgate-tests", &SCOPES).auth(tokens()).state(toolgate_tests::Probe::default());
    let error = server.strict().skip_preflight().build().unwrap_err().to_string();
    assert!(error.contains("`strict` and `skip_preflight`"), "{error}");
}

#[tokio::test]
async fn a_preflight_that_was_skipped_asks_nothing() {
    let tenant = tenant(|tenant| tenant).await;
    let server = tenant_server(&tenant, |server| server).await;
    becomes_ready(&server).await;
    assert_eq!(tenant.introspection_count(), 0);
    tenant.set_fault(Fault::ServerError);
    let client = server.client_with(&token_for(&tenant, "HR", &server.endpoint), Revision::Modern);
    assert_eq!(client.list().await.status, 503);
    becomes_unready(&server, &["authorization_server_unavailable"]).await;
    tenant.clear_fault();
    // Whoever asks for readiness wants it back.
    becomes_ready(&server).await;
}

#[tokio::test]
async fn a_router_that_somebody_else_serves_becomes_ready_when_readiness_is_asked_for() {
    let tenant = tenant(|tenant| tenant).await;
    let router = built(propel_auth(&tenant)).into_router();
    let ask = async || {
        let request = Request::get("/readyz").body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice::<Value>(&body).unwrap())
    };
    assert_eq!(ask().await, (503, unready(&["not_checked_yet"])));
    eventually("the router is ready", async || ask().await.0 == 200).await;
}

#[tokio::test]
async fn mcp_that_is_not_enabled_is_named_in_the_dashboards_words() {
    let tenant = tenant(|tenant| tenant.mcp_enabled(false)).await;
    let found = findings(propel_auth(&tenant)).await;
    assert_eq!((found[0].0, found[0].1), (Severity::Fatal, "mcp_not_enabled"));
    assert!(found[0].2.contains("MCP -> Enable MCP"), "{found:?}");

    let server = looking_server(&tenant).await;
    becomes_unready(&server, &["mcp_not_enabled"]).await;
    tenant.set_mcp_enabled(true);
    becomes_ready(&server).await;
}

#[tokio::test]
async fn the_issuer_variant_is_named() {
    for (variant, words) in [(IssuerVariant::AtPath, "names that issuer"), (IssuerVariant::AtRoot, "this server is")]
    {
        let tenant = tenant(|tenant| tenant.issuer_variant(variant)).await;
        let found = findings(propel_auth(&tenant)).await;
        let issuer = found.iter().find(|found| found.1 == "issuer").unwrap();
        assert!(issuer.0 == Severity::Note && issuer.2.contains(words), "{issuer:?}");
    }
}

#[tokio::test]
async fn scopes_are_compared_both_ways() {
    let tenant = tenant(|tenant| tenant).await;
    let preflight = built(propel_auth(&tenant)).preflight().await;
    assert!(preflight.passed());
    let texts: Vec<_> = preflight.findings().iter().filter(|found| found.code() == "scopes").collect();
    assert!(texts.iter().all(|found| found.severity() == Severity::Warning));
    let says = |words: &str, scope: &str| texts.iter().any(|t| t.text().contains(words) && t.text().contains(scope));
    assert!(says("not in PropelAuth", "files:admin"), "{texts:?}");
    assert!(says("not in SCOPES", "tickets:read"), "{texts:?}");
}

#[tokio::test]
async fn an_answer_that_any_token_is_valid_is_not_trusted() {
    let stub = IntrospectionStub::start().await;
    stub.answers(r#"{"active": true}"#);
    let found = findings(stub.propel_auth()).await;
    assert!(found.iter().any(|found| found.1 == "introspection_not_trustworthy"), "{found:?}");
    let (_, body) = stub.asked().into_iter().next().unwrap();
    assert!(body.contains("token=preflight-"), "{body}");
}

#[tokio::test]
async fn a_tenant_that_does_not_answer_is_named() {
    let found = findings(PropelAuth::new("http://127.0.0.1:1", "id", "hunter2").unwrap()).await;
    let codes: Vec<_> = found.iter().map(|found| found.1).collect();
    assert_eq!(codes, ["authorization_server_unavailable", "metadata_unavailable"]);
    assert!(!format!("{found:?}").contains("hunter2"), "{found:?}");
}

#[tokio::test]
async fn a_validator_without_a_preflight_is_taken_at_its_word() {
    let listener = TestServer::listener().await;
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = Server::new("toolgate-tests", &SCOPES).server_url(url).auth(StaticTokens::new());
    let server = TestServer::run(listener, server).await;
    becomes_ready(&server).await;
}

#[test]
fn the_endpoint_cannot_stand_where_something_else_does() {
    for path in ["/healthz", "/readyz", "/webhooks/propelauth"] {
        let server = Server::new("toolgate-tests", &SCOPES).auth(tokens()).state(toolgate_tests::Probe::default());
        let error = server.path(path).build().unwrap_err().to_string();
        assert!(error.contains(path), "{error}");
    }
}
