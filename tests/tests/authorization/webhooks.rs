//! Revocation by PropelAuth's webhooks.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use tokio::{io::AsyncWriteExt as _, net::TcpStream, sync::Notify, task::JoinSet};
use toolgate::{
    Server,
    auth::{BearerToken, Claims, Inactive, Resource, StaticTokens, TokenValidator, ValidationError, async_trait},
};
use toolgate_dev_tenant::{DevTenant, WebhookEndpoint};
use toolgate_tests::{
    Client, RawRequest, Revision, SCOPES, TestServer, WEBHOOK_SECRET, WebhookDelivery, WithWebhooks, eventually,
    http_client, propel_auth, read_to_end, send, start_tenant, start_tenant_with, token_for, tokens,
};

const NEXT_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// Delivers `user.disabled` and asserts that it is acknowledged.
async fn deliver_disabled(server: &TestServer, id: &str, user: &str) {
    let response = WebhookDelivery::user_disabled(&server.url, id, user).send().await;
    assert_eq!((response.status, response.text.as_str()), (204, ""), "{response:?}");
}

async fn start_with_webhooks(tenant: &DevTenant) -> TestServer {
    let auth = propel_auth(tenant).webhook_secret(WEBHOOK_SECRET).unwrap();
    TestServer::with(|server| server.auth(auth)).await
}

/// Returns the ID of the person in HR, and a client with a cached token of theirs.
async fn cached_hr_client(tenant: &DevTenant, server: &TestServer) -> (String, Client) {
    let client = server.client_with(&token_for(tenant, "HR", &server.endpoint), Revision::Modern);
    assert_eq!(client.list().await.status, 200);
    (tenant.person_of_role("HR").expect("a person has the role").id, client)
}

#[tokio::test]
async fn a_cached_token_of_a_disabled_user_is_rejected_on_the_next_request() {
    let tenant = start_tenant().await;
    let server = start_with_webhooks(&tenant).await;
    let (id, client) = cached_hr_client(&tenant, &server).await;
    tenant.disable_person(&id).unwrap();
    assert_eq!(client.list().await.status, 200, "the token is cached, and no webhook has arrived");
    deliver_disabled(&server, "msg_1", &id).await;
    let response = client.call("people_private", json!({})).await;
    assert_eq!(response.status, 401, "{response:?}");
    assert_eq!(response.expect_challenge().get("error"), "invalid_token");
    assert_eq!(server.bodies.runs(), 0);
}

#[tokio::test]
async fn webhooks_of_the_tenant_revoke_and_lower_access() {
    let listener = TestServer::listener().await;
    let url = TestServer::url_of(&listener);
    let endpoint = WebhookEndpoint::new(&format!("{url}/webhooks/propelauth"), WEBHOOK_SECRET).unwrap();
    let tenant = start_tenant_with(|tenant| tenant.webhook(endpoint)).await;
    let auth = propel_auth(&tenant).webhook_secret(WEBHOOK_SECRET).unwrap();
    let server = Server::new("toolgate-tests", &SCOPES).server_url(url).auth(auth).skip_preflight();
    let server = TestServer::serve_on(listener, server).await;
    let (id, client) = cached_hr_client(&tenant, &server).await;
    assert!(client.call("people_private", json!({})).await.is_success());
    tenant.set_role(&id, "Support").unwrap();
    eventually("the new role takes effect", async || client.call("people_private", json!({})).await.status == 403)
        .await;
    assert_eq!(client.list().await.status, 200);
    tenant.disable_person(&id).unwrap();
    eventually("access has ended", async || client.list().await.status == 401).await;
}

#[tokio::test]
async fn tokens_of_other_users_stay_cached() {
    let tenant = start_tenant().await;
    let server = start_with_webhooks(&tenant).await;
    let (id, _) = cached_hr_client(&tenant, &server).await;
    let other = server.client_with(&token_for(&tenant, "Support", &server.endpoint), Revision::Modern);
    assert_eq!(other.list().await.status, 200);
    let before = tenant.introspection_count();
    deliver_disabled(&server, "msg_1", &id).await;
    assert_eq!(other.list().await.status, 200);
    assert_eq!(tenant.introspection_count(), before, "the token of the other user stays cached");
    let org = tenant.config().organization().id.clone();
    let event = json!({ "event_type": "org.scim_group_updated", "org_id": org });
    assert_eq!(WebhookDelivery::new(&server.url, "msg_2", &event).send().await.status, 204);
    assert_eq!(other.list().await.status, 200);
    assert_eq!(tenant.introspection_count(), before + 1, "all tokens of the organization are introspected again");
}

#[tokio::test]
async fn a_repeated_delivery_is_applied_once() {
    let tenant = start_tenant().await;
    let server = start_with_webhooks(&tenant).await;
    let (id, client) = cached_hr_client(&tenant, &server).await;
    let before = tenant.introspection_count();
    for (message, introspections) in [("msg_1", 1), ("msg_1", 1), ("msg_2", 2), ("msg_1", 2), ("msg_2", 2)] {
        deliver_disabled(&server, message, &id).await;
        assert_eq!(client.list().await.status, 200);
        assert_eq!(tenant.introspection_count() - before, introspections, "{message}");
    }
}

#[tokio::test]
async fn a_delivery_without_a_valid_signature_is_rejected_without_effect() {
    let tenant = start_tenant().await;
    let server = start_with_webhooks(&tenant).await;
    let (id, client) = cached_hr_client(&tenant, &server).await;
    let before = tenant.introspection_count();
    let valid = WebhookDelivery::user_disabled(&server.url, "msg_1", &id);
    let responses = [
        valid.clone().signed_with(NEXT_SECRET).send().await,
        send(valid.request().body(json!({ "event_type": "org.deleted" }).to_string())).await,
        valid.clone().header_prefix("another").send().await,
        send(http_client().post(format!("{}/webhooks/propelauth", server.url)).body("{}")).await,
    ];
    for response in responses {
        assert_eq!((response.status, response.text.as_str()), (401, r#"{"error":"unauthorized"}"#), "{response:?}");
    }
    assert_eq!(client.list().await.status, 200);
    assert_eq!(tenant.introspection_count(), before);
    assert_eq!(valid.send().await.status, 204, "a rejected delivery does not use up its ID");
    assert_eq!(client.list().await.status, 200);
    assert_eq!(tenant.introspection_count(), before + 1);
}

#[tokio::test]
async fn both_secrets_are_accepted_during_rotation() {
    let tenant = start_tenant().await;
    let auth = propel_auth(&tenant).webhook_secret(WEBHOOK_SECRET).unwrap().webhook_secret(NEXT_SECRET).unwrap();
    let server = TestServer::with(|server| server.auth(auth)).await;
    let (id, client) = cached_hr_client(&tenant, &server).await;
    let before = tenant.introspection_count();
    for (message, secret, introspections) in [("msg_1", WEBHOOK_SECRET, 1), ("msg_2", NEXT_SECRET, 2)] {
        let delivery = WebhookDelivery::user_disabled(&server.url, message, &id);
        assert_eq!(delivery.signed_with(secret).send().await.status, 204);
        assert_eq!(client.list().await.status, 200);
        assert_eq!(tenant.introspection_count() - before, introspections);
    }
}

#[tokio::test]
async fn the_endpoint_accepts_only_small_posts_and_exists_only_with_a_secret() {
    let server = TestServer::with(|server| server.auth(WithWebhooks::new(StaticTokens::new()))).await;
    let event = |bytes| json!({ "event_type": "user.created", "padding": "x".repeat(bytes) });
    assert_eq!(WebhookDelivery::new(&server.url, "msg_1", &event(16 * 1024)).send().await.status, 413);
    assert_eq!(WebhookDelivery::new(&server.url, "msg_1", &event(15 * 1024)).send().await.status, 204);
    let standard = WebhookDelivery::new(&server.url, "msg_2", &json!({ "event_type": "user.created" }));
    let request = standard.header_prefix("webhook").request().header("Origin", "http://localhost:1");
    let response = send(request).await;
    assert_eq!(response.status, 204, "the header names of Standard Webhooks are accepted");
    assert!(!response.headers.contains_key("access-control-allow-origin"), "{response:?}");
    let address = format!("{}/webhooks/propelauth", server.url);
    assert_eq!(send(http_client().get(&address)).await.status, 405);

    let without_secret = TestServer::start().await;
    let response = WebhookDelivery::new(&without_secret.url, "msg_1", &json!({})).send().await;
    assert_eq!(response.status, 404, "without a secret there is no endpoint");
}

/// Number of deliveries whose body has not arrived.
const MAX_UNSIGNED: usize = 16;

/// Sends the head of a delivery and a part of its body.
async fn begin(delivery: &WebhookDelivery, server: &TestServer) -> TcpStream {
    let body = delivery.body();
    let request = delivery.raw_request().header("Content-Length", body.len());
    request.body(&body[..1]).open(server.address).await
}

#[tokio::test]
async fn a_genuine_delivery_is_applied_while_strangers_send_theirs_slowly() {
    let tenant = start_tenant().await;
    let server = start_with_webhooks(&tenant).await;
    let (id, client) = cached_hr_client(&tenant, &server).await;
    let before = tenant.introspection_count();
    let stranger = WebhookDelivery::user_disabled(&server.url, "msg_0", &id).signed_with(NEXT_SECRET);
    let mut strangers = JoinSet::new();
    for _ in 0..3 * MAX_UNSIGNED {
        let mut stream = begin(&stranger, &server).await;
        strangers.spawn(async move { read_to_end(&mut stream).await });
    }
    // Older ones make room for later ones, so strangers have every place now.
    for _ in 0..2 * MAX_UNSIGNED {
        let response = strangers.join_next().await.unwrap().unwrap();
        assert!(response.starts_with("HTTP/1.1 503 ") && response.contains("\r\nretry-after: 1\r\n"), "{response}");
    }
    deliver_disabled(&server, "msg_1", &id).await;
    assert_eq!(client.list().await.status, 200);
    assert_eq!(tenant.introspection_count(), before + 1, "the delivery ended the cached access");
    // A delivery that does not arrive in one piece takes the place of a stranger.
    let genuine = WebhookDelivery::user_disabled(&server.url, "msg_2", &id);
    let mut stream = begin(&genuine, &server).await;
    assert!(strangers.join_next().await.unwrap().unwrap().starts_with("HTTP/1.1 503 "));
    stream.write_all(&genuine.body().as_bytes()[1..]).await.unwrap();
    assert!(read_to_end(&mut stream).await.starts_with("HTTP/1.1 204 "));
    assert_eq!(client.list().await.status, 200);
    assert_eq!(tenant.introspection_count(), before + 2);
}

#[tokio::test]
async fn a_webhook_is_applied_while_all_connections_are_in_use() {
    let validator = WithWebhooks::new(tokens());
    let server = TestServer::with(|server| server.auth(validator).http(|http| http.max_connections = Some(1))).await;
    let client = server.client_with("nothing", Revision::Modern);
    let call = tokio::spawn(async move { client.call("waits", json!({})).await });
    server.bodies.wait_for_start(1).await;
    assert_eq!(server.client_with("nothing", Revision::Modern).list().await.status, 503);
    deliver_disabled(&server, "msg_1", "another user").await;
    server.bodies.release(1);
    assert!(call.await.unwrap().is_success());
}

#[tokio::test]
async fn a_delivery_that_cannot_be_genuine_is_rejected_before_its_body_arrives() {
    let server = TestServer::with(|server| server.auth(WithWebhooks::new(StaticTokens::new()))).await;
    let delivery = WebhookDelivery::user_disabled(&server.url, "msg_1", "harriet");
    let announced = |request: RawRequest, bytes: usize| request.body("").header("Content-Length", bytes);
    let too_large = announced(delivery.raw_request(), 16 * 1024 + 1);
    assert_eq!(too_large.send(server.address).await.status, 413);
    for (name, value) in [
        ("svix-id", ""),
        ("svix-timestamp", "0"),
        ("svix-signature", "v1,"),
        ("svix-signature", "v1,c2hvcnQ="),
        ("svix-signature", "v1a,MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="),
    ] {
        let request = announced(delivery.raw_request().replace_header(name, value), 1000);
        assert_eq!(request.send(server.address).await.status, 401, "{name}: {value}");
    }
}

#[tokio::test]
async fn an_invalid_secret_is_rejected_without_showing_it() {
    let tenant = start_tenant().await;
    let error = propel_auth(&tenant).webhook_secret("hunter2").unwrap_err();
    assert!(error.to_string().contains("whsec_"), "{error}");
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
}

/// Validator that accepts the first validation once the test allows it, and rejects every later one unless it
/// `accepts_later` ones.
#[derive(Clone, Default)]
struct HeldValidator(Arc<Held>);

#[derive(Default)]
struct Held {
    accepts_later: bool,
    validations: AtomicUsize,
    started: Notify,
    released: Notify,
}

#[async_trait]
impl TokenValidator for HeldValidator {
    async fn validate(&self, _: &BearerToken, _: &Resource) -> Result<Claims, ValidationError> {
        let claims = Claims::new().subject("harriet").audience_verified();
        if self.0.validations.fetch_add(1, Ordering::SeqCst) > 0 {
            return if self.0.accepts_later { Ok(claims) } else { Err(Inactive::new("unknown").into()) };
        }
        self.0.started.notify_one();
        self.0.released.notified().await;
        Ok(claims)
    }
}

#[tokio::test]
async fn an_introspection_in_flight_cannot_restore_revoked_access() {
    for ttl in [Duration::from_mins(5), Duration::ZERO] {
        let validator = HeldValidator::default();
        let server = TestServer::with(|server| {
            server.auth(WithWebhooks::new(validator.clone())).token_cache(|cache| cache.ttl = Some(ttl))
        })
        .await;
        let client = server.client_with("token", Revision::Modern);
        let request = tokio::spawn({
            let client = client.clone();
            async move { client.call("request_info", json!({})).await.status }
        });
        validator.0.started.notified().await;
        deliver_disabled(&server, "msg_1", "harriet").await;
        validator.0.released.notify_one();
        assert_eq!(request.await.unwrap(), 401, "the claims from before the revocation are not used");
        assert_eq!(client.list().await.status, 401);
        assert_eq!(server.bodies.runs(), 0);
        assert!(validator.0.validations.load(Ordering::SeqCst) >= 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn requests_that_share_an_introspection_in_flight_during_a_revocation_share_the_next_one() {
    const REQUESTS: usize = 400;
    for _ in 0..20 {
        let validator = HeldValidator(Arc::new(Held { accepts_later: true, ..Held::default() }));
        let server = TestServer::with(|server| {
            server.auth(WithWebhooks::new(validator.clone())).limits(|limits| limits.max_requests_per_caller = 1000)
        })
        .await;
        let body = Revision::Legacy.call_message("request_info", &json!({})).to_string();
        let request = RawRequest::mcp(Revision::Legacy).token("token").body(body);
        let mut streams = Vec::new();
        for _ in 0..REQUESTS {
            streams.push(request.open(server.address).await);
        }
        validator.0.started.notified().await;
        deliver_disabled(&server, "msg_1", "harriet").await;
        validator.0.released.notify_one();
        for stream in &mut streams {
            let response = read_to_end(stream).await;
            assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
        }
        assert_eq!(validator.0.validations.load(Ordering::SeqCst), 2);
        assert_eq!(server.bodies.runs(), REQUESTS);
    }
}

#[tokio::test]
async fn a_slow_body_does_not_outlive_the_access() {
    let tenant = start_tenant().await;
    let server = start_with_webhooks(&tenant).await;
    let (id, _) = cached_hr_client(&tenant, &server).await;
    let token = token_for(&tenant, "HR", &server.endpoint);
    let before = tenant.introspection_count();
    let body = Revision::Modern.call_message("people_private", &json!({})).to_string();
    let (first, second) = body.split_at(10);
    let request = RawRequest::mcp(Revision::Modern)
        .token(&token)
        .header("Mcp-Method", "tools/call")
        .header("Mcp-Name", "people_private")
        .header("Content-Length", body.len());
    let mut stream = request.body(first).open(server.address).await;
    eventually("the token is introspected before the body is complete", async || {
        tenant.introspection_count() > before
    })
    .await;
    tenant.disable_person(&id).unwrap();
    deliver_disabled(&server, "msg_1", &id).await;
    stream.write_all(second.as_bytes()).await.unwrap();
    let response = read_to_end(&mut stream).await;
    assert!(response.starts_with("HTTP/1.1 401 "), "{response}");
    assert_eq!(server.bodies.runs(), 0);
}

#[tokio::test]
async fn revocation_ends_an_open_stream_and_cancels_its_tool() {
    for revision in Revision::BOTH {
        let tenant = start_tenant().await;
        let server = start_with_webhooks(&tenant).await;
        let (id, _) = cached_hr_client(&tenant, &server).await;
        let client = server.client_with(&token_for(&tenant, "HR", &server.endpoint), revision);
        let message = revision.progress_message("progresses");
        let mut response = client.request(&message).send().await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/event-stream", "{revision}");
        server.bodies.wait_for_start(1).await;
        deliver_disabled(&server, "msg_1", "another user").await;
        deliver_disabled(&server, "msg_2", &id).await;
        server.bodies.wait_for_end(1).await;
        let mut text = String::new();
        while let Some(chunk) = response.chunk().await.unwrap() {
            text.push_str(&String::from_utf8_lossy(&chunk));
        }
        assert!(!text.contains("done"), "{revision}: {text}");
    }
}
