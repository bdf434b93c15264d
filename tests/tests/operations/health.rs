//! The preflight check, `/healthz` and `/readyz`.

use axum::{body::Body, http::Request};
use serde_json::{Value, json};
use toolgate::{
    BuiltServer, Error, PropelAuth, Server,
    auth::{
        BearerToken, Claims, Resource, Severity, StaticTokens, TokenValidator, Unavailable, ValidationError,
        async_trait,
    },
};
use toolgate_dev_tenant::{DevTenant, Fault, IssuerVariant};
use toolgate_tests::{
    CapturedLog, HttpResponse, IntrospectionStub, Revision, SCOPES, TestServer, ToolBodies, eventually, exchange,
    http_client, propel_auth, send, start_tenant, start_tenant_with, tenant_server, token_for,
};

/// Version of the servers, which is that of the crate with their tools.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Starts a server that runs the preflight check.
async fn start_with_preflight(tenant: &DevTenant) -> TestServer {
    TestServer::serve(|url| Server::new("toolgate-tests", &SCOPES).server_url(url).auth(propel_auth(tenant))).await
}

async fn get(server: &TestServer, path: &str) -> HttpResponse {
    // Probes of an orchestrator use the address of the machine.
    send(http_client().get(format!("{}{path}", server.url)).header("Host", "10.1.2.3:8000")).await
}

fn unready(reasons: &[&str]) -> Value {
    json!({ "status": "unready", "reasons": reasons, "version": VERSION })
}

async fn wait_until_ready(server: &TestServer) {
    eventually("the server is ready", async || get(server, "/readyz").await.status == 200).await;
}

async fn wait_until_unready(server: &TestServer, reasons: &[&str]) {
    eventually("the server is unready for these reasons", async || {
        let response = get(server, "/readyz").await;
        response.status == 503 && *response.json() == unready(reasons)
    })
    .await;
}

fn built(auth: PropelAuth) -> BuiltServer {
    let server = Server::new("toolgate-tests", &SCOPES).server_url("http://127.0.0.1:8000").auth(auth);
    server.state(ToolBodies::default()).build().unwrap()
}

async fn diagnostics(auth: PropelAuth) -> Vec<(Severity, &'static str, String)> {
    let preflight = built(auth).preflight().await;
    let diagnostics = preflight.diagnostics().iter();
    diagnostics.map(|diagnostic| (diagnostic.severity(), diagnostic.code(), diagnostic.text().to_owned())).collect()
}

#[tokio::test]
async fn a_server_that_can_check_tokens_is_healthy_and_ready() {
    let tenant = start_tenant().await;
    let server = start_with_preflight(&tenant).await;
    wait_until_ready(&server).await;
    let ready = get(&server, "/readyz").await;
    assert_eq!(*ready.json(), json!({ "status": "ready", "version": VERSION }));
    let healthy = get(&server, "/healthz").await;
    assert_eq!((healthy.status, healthy.json()), (200, &json!({ "status": "alive" })));
    for response in [ready, healthy] {
        assert_eq!(response.header("content-type"), "application/json");
        assert_eq!(response.header("cache-control"), "no-store");
    }
    assert_eq!(tenant.introspection_count(), 1, "one introspection proves the credentials");
}

#[tokio::test]
async fn wrong_credentials_get_503_and_a_log_line_with_the_fix_and_the_server_recovers() {
    let log = CapturedLog::start();
    let tenant = start_tenant().await;
    tenant.set_fault(Fault::WrongCredentials);
    let server = start_with_preflight(&tenant).await;
    wait_until_unready(&server, &["credentials_rejected"]).await;
    assert_eq!(get(&server, "/healthz").await.status, 200);
    let token = token_for(&tenant, "HR", &server.endpoint);
    let client = server.client_with(&token, Revision::Modern);
    // Often enough to open the circuit breaker.
    for _ in 0..8 {
        let response = client.list().await;
        assert_eq!(response.status, 503, "{response:?}");
        assert_ne!(response.header("retry-after"), "");
        assert!(response.challenge().is_none());
    }
    let text = log.of_this_thread();
    assert!(text.contains("the authorization server rejects this server's credentials"), "{text}");
    assert!(text.contains("MCP -> Request Validation -> Create Credentials"), "{text}");

    tenant.clear_fault();
    wait_until_ready(&server).await;
    assert_eq!(client.list().await.status, 200, "readiness closes the circuit breaker");
    let text = log.of_this_thread();
    assert!(!text.contains(&token) && !text.contains(tenant.introspection_client_secret()));
}

#[tokio::test]
async fn a_server_recovers_from_an_outage_without_a_request() {
    let tenant = start_tenant().await;
    let server = start_with_preflight(&tenant).await;
    wait_until_ready(&server).await;
    tenant.set_fault(Fault::ServerError);
    let client = server.client_with(&token_for(&tenant, "HR", &server.endpoint), Revision::Modern);
    assert_eq!(client.list().await.status, 503);
    wait_until_unready(&server, &["authorization_server_unavailable"]).await;
    tenant.clear_fault();
    wait_until_ready(&server).await;
    assert_eq!(client.list().await.status, 200);
}

#[tokio::test]
async fn a_fatal_diagnostic_prevents_the_start_if_the_preflight_is_required() {
    let tenant = start_tenant().await;
    tenant.set_fault(Fault::WrongCredentials);
    let server =
        Server::new("toolgate-tests", &SCOPES).server_url("http://127.0.0.1:8000").auth(propel_auth(&tenant));
    let server = server.state(ToolBodies::default()).require_preflight().build().unwrap();
    let result = server.serve_on(TestServer::listener().await, std::future::pending()).await;
    let Err(error @ Error::Preflight(_)) = result else { panic!("{result:?}") };
    let text = error.to_string();
    assert!(text.contains("MCP -> Request Validation -> Create Credentials"), "{text}");
    assert!(!text.contains(tenant.introspection_client_secret()), "{text}");
}

#[tokio::test]
async fn a_server_that_requires_the_preflight_is_ready_from_its_first_request() {
    let tenant = start_tenant().await;
    let server = TestServer::serve(|url| {
        Server::new("toolgate-tests", &SCOPES).server_url(url).auth(propel_auth(&tenant)).require_preflight()
    })
    .await;
    assert_eq!(get(&server, "/readyz").await.status, 200);
}

#[tokio::test]
async fn a_skipped_preflight_does_not_introspect() {
    let tenant = start_tenant().await;
    let server = tenant_server(&tenant).await;
    wait_until_ready(&server).await;
    assert_eq!(tenant.introspection_count(), 0);
    tenant.set_fault(Fault::ServerError);
    let client = server.client_with(&token_for(&tenant, "HR", &server.endpoint), Revision::Modern);
    assert_eq!(client.list().await.status, 503);
    wait_until_unready(&server, &["authorization_server_unavailable"]).await;
    tenant.clear_fault();
    wait_until_ready(&server).await;
}

#[tokio::test]
async fn a_router_served_by_another_program_becomes_ready_on_request() {
    let tenant = start_tenant().await;
    let router = built(propel_auth(&tenant)).into_router();
    let get_readyz = async || exchange(&router, Request::get("/readyz").body(Body::empty()).unwrap()).await;
    let response = get_readyz().await;
    assert_eq!((response.status, response.json()), (503, &unready(&["not_checked_yet"])));
    eventually("the router is ready", async || get_readyz().await.status == 200).await;
}

#[tokio::test]
async fn any_number_of_probes_start_one_preflight_task() {
    let router = built(PropelAuth::new("http://127.0.0.1:1", "id", "secret").unwrap()).into_router();
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    for _ in 0..1000 {
        let response = exchange(&router, Request::get("/readyz").body(Body::empty()).unwrap()).await;
        assert_eq!(response.status, 503);
    }
    // The check itself may have a task for its connection.
    assert!(tasks() - before <= 2, "{} tasks", tasks() - before);
}

#[tokio::test]
async fn disabled_mcp_is_reported_with_the_dashboard_path() {
    let tenant = start_tenant_with(|tenant| tenant.mcp_enabled(false)).await;
    let found = diagnostics(propel_auth(&tenant)).await;
    assert_eq!((found[0].0, found[0].1), (Severity::Fatal, "mcp_not_enabled"));
    assert!(found[0].2.contains("MCP -> Enable MCP"), "{found:?}");

    let server = start_with_preflight(&tenant).await;
    wait_until_unready(&server, &["mcp_not_enabled"]).await;
    tenant.set_mcp_enabled(true);
    wait_until_ready(&server).await;
}

#[tokio::test]
async fn the_issuer_variant_is_reported() {
    for (variant, words) in [(IssuerVariant::AtPath, "names that issuer"), (IssuerVariant::AtRoot, "this server is")]
    {
        let tenant = start_tenant_with(|tenant| tenant.issuer_variant(variant)).await;
        let found = diagnostics(propel_auth(&tenant)).await;
        let issuer = found.iter().find(|found| found.1 == "issuer").unwrap();
        assert!(issuer.0 == Severity::Note && issuer.2.contains(words), "{issuer:?}");
    }
}

#[tokio::test]
async fn scopes_missing_on_either_side_are_reported() {
    let tenant = start_tenant().await;
    let preflight = built(propel_auth(&tenant)).preflight().await;
    assert!(preflight.passed());
    let drift: Vec<_> = preflight.diagnostics().iter().filter(|found| found.code() == "scopes").collect();
    assert!(drift.iter().all(|found| found.severity() == Severity::Warning));
    let reported = |words: &str, scope: &str| {
        drift.iter().any(|found| found.text().contains(words) && found.text().contains(scope))
    };
    assert!(reported("not in PropelAuth", "files:admin"), "{drift:?}");
    assert!(reported("not in SCOPES", "tickets:read"), "{drift:?}");
}

#[tokio::test]
async fn an_authorization_server_that_accepts_any_token_is_reported() {
    let stub = IntrospectionStub::start().await;
    stub.set_response(r#"{"active": true}"#);
    let found = diagnostics(stub.propel_auth()).await;
    assert!(found.iter().any(|found| found.1 == "introspection_not_trustworthy"), "{found:?}");
    let (_, body) = stub.requests().into_iter().next().unwrap();
    assert!(body.contains("token=preflight-"), "{body}");
}

#[tokio::test]
async fn an_unreachable_tenant_is_reported() {
    let found = diagnostics(PropelAuth::new("http://127.0.0.1:1", "id", "hunter2").unwrap()).await;
    let codes: Vec<_> = found.iter().map(|found| found.1).collect();
    assert_eq!(codes, ["authorization_server_unavailable", "metadata_unavailable"]);
    assert!(!format!("{found:?}").contains("hunter2"), "{found:?}");
}

#[tokio::test]
async fn a_validator_without_a_preflight_is_ready() {
    let server = |url| Server::new("toolgate-tests", &SCOPES).server_url(url).auth(StaticTokens::new());
    let server = TestServer::serve(server).await;
    wait_until_ready(&server).await;
}

/// Validator without a preflight check whose authorization server never responds.
struct AlwaysUnavailable;

#[async_trait]
impl TokenValidator for AlwaysUnavailable {
    async fn validate(&self, _: &BearerToken, _: &Resource) -> Result<Claims, ValidationError> {
        Err(Unavailable::new("the directory does not respond").into())
    }
}

#[tokio::test]
async fn a_validator_without_a_preflight_becomes_ready_again_without_the_end_of_the_outage_being_logged() {
    let log = CapturedLog::start();
    let server = |url| Server::new("toolgate-tests", &SCOPES).server_url(url).auth(AlwaysUnavailable);
    let server = TestServer::serve(server).await;
    wait_until_ready(&server).await;
    assert_eq!(server.client_with("any", Revision::Modern).list().await.status, 503);
    eventually("the outage is logged", async || log.of_this_thread().contains("tokens cannot be validated")).await;
    wait_until_ready(&server).await;
    let log = log.of_this_thread();
    assert!(!log.contains("tokens can be validated again"), "{log}");
}

#[tokio::test]
async fn an_outage_of_one_of_two_validators_leaves_the_server_ready_and_the_tokens_of_the_other_valid() {
    let tenant = start_tenant().await;
    let server = |url| {
        let validators = propel_auth(&tenant).or(StaticTokens::new().token("static", Claims::new()));
        Server::new("toolgate-tests", &SCOPES).server_url(url).auth(validators)
    };
    let server = TestServer::serve(server).await;
    eventually("no validator has a problem", async || {
        *get(&server, "/readyz").await.json() == json!({ "status": "ready", "version": VERSION })
    })
    .await;
    tenant.set_fault(Fault::ServerError);
    assert_eq!(server.client_with("other", Revision::Modern).list().await.status, 503, "PropelAuth may know it");
    assert_eq!(server.client_with("static", Revision::Modern).list().await.status, 200);
    eventually("the outage is reported", async || {
        let response = get(&server, "/readyz").await;
        let codes = &response.json()["degraded"];
        codes.as_array().is_some_and(|codes| codes.contains(&"authorization_server_unavailable".into()))
    })
    .await;
    assert_eq!(get(&server, "/readyz").await.status, 200);
    tenant.clear_fault();
    eventually("the tokens of PropelAuth are validated again", async || {
        server.client_with("other", Revision::Modern).list().await.status == 401
    })
    .await;
}
