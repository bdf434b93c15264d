//! API keys of machines, beside the tokens of people: which validator is asked, what ends a key, and what happens if one of
//! the two endpoints fails.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use toolgate::{Server, TokenValidator as _, propelauth::PropelAuthApiKeys};
use toolgate_dev_tenant::{DevTenant, Fault, NewApiKey, WebhookEndpoint};
use toolgate_tests::{
    CapturedLog, Client, Revision, SCOPES, TestServer, WEBHOOK_SECRET, eventually, http_client, propel_auth,
    propel_auth_api_keys, send, start_tenant, start_tenant_with, token_for,
};

/// Starts a server that accepts tokens and API keys of a tenant.
async fn start_server(tenant: &DevTenant) -> TestServer {
    TestServer::with(|server| server.auth(propel_auth(tenant).or(propel_auth_api_keys(tenant)))).await
}

/// Starts a tenant that sends webhooks to a server, and the server.
async fn start_with_webhooks() -> (DevTenant, TestServer) {
    let listener = TestServer::listener().await;
    let url = TestServer::url_of(&listener);
    let endpoint = WebhookEndpoint::new(&format!("{url}/webhooks/propelauth"), WEBHOOK_SECRET).unwrap();
    let tenant = start_tenant_with(|tenant| tenant.webhook(endpoint)).await;
    let auth = propel_auth(&tenant).webhook_secret(WEBHOOK_SECRET).unwrap();
    let keys = propel_auth_api_keys(&tenant).webhook_secret(WEBHOOK_SECRET).unwrap();
    let server = Server::new("toolgate-tests", &SCOPES).server_url(url).auth(auth.or(keys)).skip_preflight();
    (tenant, TestServer::serve_on(listener, server).await)
}

fn key_of(tenant: &DevTenant, key: &NewApiKey) -> String {
    tenant.create_api_key(key).unwrap().key
}

async fn status(client: &Client) -> u16 {
    client.call("request_info", json!({})).await.status
}

/// Returns what a tool reads of the caller.
async fn request_info(client: &Client) -> Value {
    client.call("request_info", json!({})).await.json()["result"]["structuredContent"].clone()
}

/// Deletes a key through the admin API, whose response waits for the webhook.
async fn delete_key(tenant: &DevTenant, id: &str) {
    let response = send(http_client().delete(format!("{}/api/keys/{id}", tenant.admin_url()))).await;
    assert_eq!(response.status, 200, "{response:?}");
}

#[tokio::test]
async fn a_key_calls_what_its_scopes_allow_and_gets_a_challenge_for_the_rest() {
    let tenant = start_tenant().await;
    let server = start_server(&tenant).await;
    let key = key_of(&tenant, &NewApiKey::for_organization().scopes(["people:read:public"]));
    for revision in Revision::BOTH {
        let client = server.client_with(&key, revision);
        assert!(client.call("people_public", json!({"person_id": "per_7"})).await.is_success());
        let rejected = client.call("people_private", json!({})).await;
        assert_eq!(rejected.status, 403, "{rejected:?}");
        assert_eq!(rejected.expect_challenge().get("error"), "insufficient_scope");
        assert!(client.tool_names().await.contains(&"people_public".to_owned()));
    }
    assert_eq!(tenant.api_key_validation_count(), 1, "the validated key is cached");
    let without_scopes = server.client_with(&key_of(&tenant, &NewApiKey::generic()), Revision::Modern);
    assert_eq!(status(&without_scopes).await, 200, "the tool requires no scope");
    assert_eq!(without_scopes.call("people_public", json!({"person_id": "per_7"})).await.status, 403);
}

#[tokio::test]
async fn each_kind_of_key_is_a_caller_that_the_audit_log_names_without_the_key() {
    let log = CapturedLog::start();
    let tenant = start_tenant().await;
    let server = start_server(&tenant).await;
    let person = tenant.person_of_role("HR").unwrap();
    let org = &tenant.config().organization().id;
    for (new, user, owner) in [
        (NewApiKey::for_person(&person.id), json!(person.id), format!("user_id: Some({:?})", person.id)),
        (NewApiKey::for_organization(), Value::Null, format!("org_id: Some({org:?})")),
        (NewApiKey::generic(), Value::Null, "org_id: None".to_owned()),
    ] {
        let key = key_of(&tenant, &new);
        let info = request_info(&server.client_with(&key, Revision::Modern)).await;
        assert_eq!(info["user"], user);
        let debug = info["debug"].as_str().unwrap();
        assert!(debug.contains("client_id: Some(\"api-key:") && debug.contains(&owner), "{debug}");
        assert!(!info.to_string().contains(&key), "a body never sees the key");
        let log = log.of_this_thread();
        let id = debug.split("api-key:").nth(1).unwrap().split('"').next().unwrap();
        assert!(log.lines().any(|line| line.contains("toolgate::audit") && line.contains(id)), "{log}");
        assert!(!log.contains(&key) && !log.contains(tenant.backend_api_key()), "{log}");
    }
}

#[tokio::test]
async fn a_deleted_key_is_rejected_at_the_next_request_and_no_one_else_is_affected() {
    let (tenant, server) = start_with_webhooks().await;
    let person = tenant.person_of_role("HR").unwrap();
    let people: Vec<_> = ["HR", "Support"]
        .map(|role| server.client_with(&token_for(&tenant, role, &server.endpoint), Revision::Modern))
        .into_iter()
        .collect();
    let other = server.client_with(&key_of(&tenant, &NewApiKey::for_organization()), Revision::Modern);
    for (new, invalidated) in [(NewApiKey::for_organization(), 1), (NewApiKey::for_person(&person.id), 2)] {
        let created = tenant.create_api_key(&new).unwrap();
        let client = server.client_with(&created.key, Revision::Modern);
        for client in people.iter().chain([&client, &other]) {
            assert_eq!(status(client).await, 200);
        }
        let introspections = tenant.introspection_count();
        delete_key(&tenant, &created.id).await;
        assert_eq!(status(&client).await, 401);
        for client in people.iter().chain([&other]) {
            assert_eq!(status(client).await, 200);
        }
        // The deleted key could be a token by its form, so it is introspected. The deletion of a personal key also
        // invalidates the tokens of the person.
        assert_eq!(tenant.introspection_count() - introspections, invalidated);
    }
}

#[tokio::test]
async fn the_tenant_reports_when_a_key_expires() {
    let tenant = start_tenant().await;
    let expiry = async |key: &NewApiKey| {
        let body = json!({"api_key_token": key_of(&tenant, key)});
        let request = http_client().post(format!("{}/api/backend/v1/end_user_api_keys/validate", tenant.auth_url()));
        send(request.bearer_auth(tenant.backend_api_key()).json(&body)).await.json()["expires_at_seconds"].clone()
    };
    let before = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let expires_at = expiry(&NewApiKey::generic().expires_in(Duration::from_hours(1))).await.as_u64().unwrap();
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    assert!((before + 3600..=now + 3600).contains(&expires_at));
    assert_eq!(expiry(&NewApiKey::generic()).await, Value::Null);
}

#[tokio::test]
async fn a_personal_key_ends_with_its_user() {
    let (tenant, server) = start_with_webhooks().await;
    let person = tenant.person_of_role("HR").unwrap();
    let client = server.client_with(&key_of(&tenant, &NewApiKey::for_person(&person.id)), Revision::Modern);
    assert_eq!(status(&client).await, 200);
    tenant.disable_person(&person.id).unwrap();
    eventually("the key has ended", async || status(&client).await == 401).await;
    tenant.enable_person(&person.id).unwrap();
}

#[tokio::test]
async fn a_failure_of_one_endpoint_does_not_affect_the_callers_of_the_other_and_is_never_401() {
    let tenant = start_tenant().await;
    let server = start_server(&tenant).await;
    let key = || server.client_with(&key_of(&tenant, &NewApiKey::generic()), Revision::Modern);
    let person = || server.client_with(&token_for(&tenant, "HR", &server.endpoint), Revision::Modern);
    for fault in [
        Fault::ServerError,
        Fault::MalformedJson,
        Fault::oversized(),
        Fault::Redirect,
        Fault::WrongCredentials,
        Fault::TooManyRequests { retry_after_seconds: Some(1) },
    ] {
        tenant.set_api_key_fault(fault.clone());
        assert_eq!(status(&key()).await, 503, "{fault:?}");
        assert_eq!(status(&person()).await, 200, "{fault:?}");
        tenant.clear_api_key_fault();
        assert_eq!(status(&key()).await, 200, "after {fault:?}");
        tenant.set_fault(fault.clone());
        assert_eq!(status(&key()).await, 200, "{fault:?}");
        assert_eq!(status(&person()).await, 503, "{fault:?}");
        tenant.clear_fault();
        assert_eq!(status(&person()).await, 200, "after {fault:?}");
    }
    let unknown = server.client_with("00112233", Revision::Modern);
    tenant.set_fault(Fault::ServerError);
    assert_eq!(status(&unknown).await, 503, "it could be an access token");
    tenant.clear_fault();
    assert_eq!(status(&unknown).await, 401);
}

#[tokio::test]
async fn an_outage_of_the_tenant_rejects_neither_keys_nor_tokens_as_invalid() {
    let tenant = start_tenant().await;
    let server = start_server(&tenant).await;
    let cached = server.client_with(&key_of(&tenant, &NewApiKey::generic()), Revision::Modern);
    let unused = server.client_with(&key_of(&tenant, &NewApiKey::generic()), Revision::Modern);
    assert_eq!(status(&cached).await, 200);
    tenant.shutdown().await;
    assert_eq!(status(&cached).await, 200);
    assert_eq!(status(&unused).await, 503);
    assert_eq!(status(&server.client_with("access-token", Revision::Modern)).await, 503);
}

#[tokio::test]
async fn the_limit_of_one_key_is_503_with_its_delay_and_leaves_the_server_ready() {
    let tenant = start_tenant().await;
    let server = TestServer::with(|server| server.auth(propel_auth_api_keys(&tenant))).await;
    let client = server.client_with(&key_of(&tenant, &NewApiKey::generic()), Revision::Modern);
    tenant.set_api_key_fault(Fault::TooManyRequests { retry_after_seconds: Some(17) });
    let response = client.call("request_info", json!({})).await;
    assert_eq!((response.status, response.header("retry-after")), (503, "17"));
    tenant.clear_api_key_fault();
    assert_eq!(status(&client).await, 200);
    assert_eq!(send(http_client().get(format!("{}/readyz", server.url))).await.status, 200);
}

#[tokio::test]
async fn a_token_of_a_person_is_never_sent_to_the_endpoint_for_keys() {
    let tenant = start_tenant().await;
    let server = start_server(&tenant).await;
    assert_eq!(status(&server.client_with(&token_for(&tenant, "HR", &server.endpoint), Revision::Modern)).await, 200);
    assert_eq!(status(&server.client_with("invented-token", Revision::Modern)).await, 401);
    assert_eq!(tenant.api_key_validation_count(), 0);
    assert_eq!(tenant.introspection_count(), 2);
}

#[tokio::test]
async fn a5_a_key_for_another_server_is_rejected_and_a_key_for_any_server_only_if_it_is_allowed() {
    let tenant = start_tenant().await;
    let own = start_server(&tenant).await;
    let strict = TestServer::with(|server| server.auth(propel_auth_api_keys(&tenant).require_resource())).await;
    let key = |resource: Option<&str>| {
        let new = NewApiKey::for_organization();
        key_of(
            &tenant,
            &match resource {
                Some(resource) => new.resource(resource),
                None => new,
            },
        )
    };
    let status_at = async |server: &TestServer, key: &str| status(&server.client_with(key, Revision::Modern)).await;
    let any = key(None);
    assert_eq!((status_at(&own, &any).await, status_at(&strict, &any).await), (200, 401));
    let for_own = key(Some(&own.endpoint));
    assert_eq!((status_at(&own, &for_own).await, status_at(&strict, &for_own).await), (200, 401));
    let for_strict = key(Some(&strict.endpoint));
    assert_eq!((status_at(&own, &for_strict).await, status_at(&strict, &for_strict).await), (401, 200));
}

#[tokio::test]
async fn the_keys_of_an_organization_do_not_share_their_limit() {
    let tenant = start_tenant().await;
    let server = TestServer::with(|server| {
        server.auth(propel_auth_api_keys(&tenant)).limits(|limits| limits.max_requests_per_caller = 1)
    })
    .await;
    let [one, other] = [(); 2].map(|()| key_of(&tenant, &NewApiKey::for_organization()));
    let [one, other] = [one, other].map(|key| server.client_with(&key, Revision::Modern));
    let waiting = one.clone();
    let call = tokio::spawn(async move { waiting.call("waits", json!({})).await.status });
    server.bodies.wait_for_start(1).await;
    assert_eq!((status(&one).await, status(&other).await), (429, 200));
    server.bodies.release(1);
    assert_eq!(call.await.unwrap(), 200);
}

#[tokio::test]
async fn a_backend_key_that_propelauth_rejects_is_reported_and_names_the_dashboard() {
    let tenant = start_tenant().await;
    let keys = PropelAuthApiKeys::new(tenant.auth_url(), "wrong").unwrap();
    let diagnostics = keys.preflight().await.unwrap();
    let [diagnostic] = &*diagnostics else { panic!("{diagnostics:?}") };
    assert_eq!(diagnostic.code(), "credentials_rejected");
    assert!(diagnostic.text().contains("Backend Integration -> Create New API Key"), "{diagnostic}");
    assert!(propel_auth_api_keys(&tenant).preflight().await.unwrap().is_empty());
}
