//! Access ends when PropelAuth says so: signed webhooks over real sockets.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, UNIX_EPOCH},
};

use reqwest::RequestBuilder;
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::Notify,
};
use toolgate::auth::{BearerToken, Claims, StaticTokens, TokenValidator, ValidationError, async_trait};
use toolgate_dev_tenant::{DevTenant, WebhookEndpoint};
use toolgate_tests::{
    Client, Reply, Revision, TestServer, eventually, propel_auth, tenant, tenant_server, token_for,
};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NEXT_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// A delivery under construction.
struct Delivery<'a> {
    server: &'a TestServer,
    secret: &'a str,
    id: &'a str,
    body: String,
}

impl<'a> Delivery<'a> {
    fn new(server: &'a TestServer, id: &'a str, event: &Value) -> Self {
        Self { server, secret: SECRET, id, body: event.to_string() }
    }

    fn signed_with(self, secret: &'a str) -> Self {
        Self { secret, ..self }
    }

    fn request(&self, prefix: &str) -> RequestBuilder {
        let now = UNIX_EPOCH.elapsed().expect("it is later than 1970").as_secs();
        let time = i64::try_from(now).expect("a time of this age");
        let webhook = Webhook::new(self.secret).expect("the secrets above are some");
        let signature = webhook.sign(self.id, time, self.body.as_bytes()).expect("JSON is UTF-8");
        reqwest::Client::new()
            .post(format!("{}/webhooks/propelauth", self.server.base))
            .header(format!("{prefix}-id"), self.id)
            .header(format!("{prefix}-timestamp"), time)
            .header(format!("{prefix}-signature"), signature)
            .header("content-type", "application/json")
            .body(self.body.clone())
    }

    async fn send(&self) -> Reply {
        Reply::to(self.request("svix")).await
    }
}

async fn deliver(server: &TestServer, id: &str, event: &Value) {
    let reply = Delivery::new(server, id, event).send().await;
    assert_eq!((reply.status, reply.text.as_str()), (204, ""), "{reply:?}");
}

async fn hearing_server(tenant: &DevTenant) -> TestServer {
    tenant_server(tenant, |server| server.webhook_secret(SECRET)).await
}

fn disabled(user: &str) -> Value {
    json!({ "event_type": "user.disabled", "user_id": user })
}

/// A cached token of the person in HR, their ID, and a client that holds the token.
async fn harriet(tenant: &DevTenant, server: &TestServer) -> (String, Client) {
    let client = server.client_with(&token_for(tenant, "HR", &server.endpoint), Revision::Modern);
    assert_eq!(client.list().await.status, 200);
    (tenant.person_of_role("HR").expect("somebody has the role").id, client)
}

#[tokio::test]
async fn the_next_request_of_a_disabled_person_is_refused_though_their_token_was_cached() {
    let tenant = tenant(|tenant| tenant).await;
    let server = hearing_server(&tenant).await;
    let (id, client) = harriet(&tenant, &server).await;
    tenant.disable_person(&id).unwrap();
    assert_eq!(client.list().await.status, 200, "it is cached, and nobody has said anything yet");
    deliver(&server, "msg_1", &disabled(&id)).await;
    let reply = client.call("people_private", json!({})).await;
    assert_eq!(reply.status, 401, "{reply:?}");
    assert_eq!(reply.must_challenge().get("error"), "invalid_token");
    assert_eq!(server.probe.runs(), 0);
}

#[tokio::test]
async fn the_tenants_own_webhooks_end_access_and_lower_it() {
    let listener = TestServer::listener().await;
    let address = listener.local_addr().unwrap();
    let endpoint = WebhookEndpoint::new(&format!("http://{address}/webhooks/propelauth"), SECRET).unwrap();
    let tenant = tenant(|tenant| tenant.webhook(endpoint)).await;
    let server = TestServer::on(listener, |server| server.auth(propel_auth(&tenant)).webhook_secret(SECRET)).await;
    let (id, client) = harriet(&tenant, &server).await;
    assert!(client.call("people_private", json!({})).await.is_success());
    tenant.set_role(&id, "Support").unwrap();
    eventually("the new role shows", async || client.call("people_private", json!({})).await.status == 403).await;
    assert_eq!(client.list().await.status, 200);
    tenant.disable_person(&id).unwrap();
    eventually("access has ended", async || client.list().await.status == 401).await;
}

#[tokio::test]
async fn others_go_on_undisturbed() {
    let tenant = tenant(|tenant| tenant).await;
    let server = hearing_server(&tenant).await;
    let (id, _) = harriet(&tenant, &server).await;
    let other = server.client_with(&token_for(&tenant, "Support", &server.endpoint), Revision::Modern);
    assert_eq!(other.list().await.status, 200);
    let asked = tenant.introspection_count();
    deliver(&server, "msg_1", &disabled(&id)).await;
    assert_eq!(other.list().await.status, 200);
    assert_eq!(tenant.introspection_count(), asked, "nobody asked about the other token again");
    let org = tenant.config().organization().id.clone();
    deliver(&server, "msg_2", &json!({ "event_type": "org.scim_group_updated", "org_id": org })).await;
    assert_eq!(other.list().await.status, 200);
    assert_eq!(tenant.introspection_count(), asked + 1, "everybody in the organization is asked about again");
}

#[tokio::test]
async fn a_delivery_is_applied_once_however_often_it_comes() {
    let tenant = tenant(|tenant| tenant).await;
    let server = hearing_server(&tenant).await;
    let (id, client) = harriet(&tenant, &server).await;
    let asked = tenant.introspection_count();
    for (message, questions) in [("msg_1", 1), ("msg_1", 1), ("msg_2", 2), ("msg_1", 2), ("msg_2", 2)] {
        deliver(&server, message, &disabled(&id)).await;
        assert_eq!(client.list().await.status, 200);
        assert_eq!(tenant.introspection_count() - asked, questions, "{message}");
    }
}

#[tokio::test]
async fn what_is_not_signed_well_changes_nothing_and_learns_nothing() {
    let tenant = tenant(|tenant| tenant).await;
    let server = hearing_server(&tenant).await;
    let (id, client) = harriet(&tenant, &server).await;
    let asked = tenant.introspection_count();
    let event = disabled(&id);
    let good = || Delivery::new(&server, "msg_1", &event).request("svix");
    let replies = [
        Delivery::new(&server, "msg_1", &event).signed_with(NEXT_SECRET).send().await,
        Reply::to(good().body(json!({ "event_type": "org.deleted" }).to_string())).await,
        Reply::to(Delivery::new(&server, "msg_1", &event).request("another")).await,
        Reply::to(reqwest::Client::new().post(format!("{}/webhooks/propelauth", server.base)).body("{}")).await,
    ];
    for reply in replies {
        assert_eq!((reply.status, reply.text.as_str()), (401, r#"{"error":"unauthorized"}"#), "{reply:?}");
    }
    assert_eq!(client.list().await.status, 200);
    assert_eq!(tenant.introspection_count(), asked);
    assert_eq!(Reply::to(good()).await.status, 204, "the ID of a delivery that was refused is not used up");
    assert_eq!(client.list().await.status, 200);
    assert_eq!(tenant.introspection_count(), asked + 1);
}

#[tokio::test]
async fn either_secret_is_good_while_one_is_replaced_by_the_other() {
    let tenant = tenant(|tenant| tenant).await;
    let server = tenant_server(&tenant, |server| server.webhook_secret(SECRET).webhook_secret(NEXT_SECRET)).await;
    let (id, client) = harriet(&tenant, &server).await;
    let asked = tenant.introspection_count();
    for (message, secret, questions) in [("msg_1", SECRET, 1), ("msg_2", NEXT_SECRET, 2)] {
        let delivery = Delivery::new(&server, message, &disabled(&id));
        assert_eq!(delivery.signed_with(secret).send().await.status, 204);
        assert_eq!(client.list().await.status, 200);
        assert_eq!(tenant.introspection_count() - asked, questions);
    }
}

#[tokio::test]
async fn the_endpoint_is_small_and_for_webhooks_only() {
    let server = TestServer::with(|server| server.auth(StaticTokens::new()).webhook_secret(SECRET)).await;
    let event = json!({ "event_type": "user.created", "padding": "x".repeat(256 * 1024) });
    assert_eq!(Delivery::new(&server, "msg_1", &event).send().await.status, 413);
    let standard = Delivery::new(&server, "msg_2", &json!({ "event_type": "user.created" }));
    let reply = Reply::to(standard.request("webhook").header("Origin", "http://localhost:1")).await;
    assert_eq!(reply.status, 204, "the names of Standard Webhooks");
    assert!(!reply.headers.contains_key("access-control-allow-origin"), "{reply:?}");
    let address = format!("{}/webhooks/propelauth", server.base);
    assert_eq!(Reply::to(reqwest::Client::new().get(&address)).await.status, 405);

    let deaf = TestServer::start().await;
    assert_eq!(
        Delivery::new(&deaf, "msg_1", &json!({})).send().await.status,
        404,
        "without a secret it is not there"
    );
}

#[tokio::test]
async fn a_secret_that_is_none_is_a_problem_of_the_build() {
    let server = toolgate::Server::new("toolgate-tests", &toolgate_tests::OFFLINE_SCOPES)
        .auth(StaticTokens::new())
        .webhook_secret("hunter2");
    assert!(!format!("{server:?}").contains("hunter2"));
    let error = server.build().unwrap_err().to_string();
    assert!(error.contains("whsec_") && !error.contains("hunter2"), "{error}");
}

/// Says that a token is active, but only when it is let to; and from the second question on that it is not.
#[derive(Clone, Default)]
struct Slow(Arc<SlowInner>);

#[derive(Default)]
struct SlowInner {
    questions: AtomicUsize,
    asked: Notify,
    answer: Notify,
}

#[async_trait]
impl TokenValidator for Slow {
    async fn validate(&self, _: &BearerToken) -> Result<Claims, ValidationError> {
        if self.0.questions.fetch_add(1, Ordering::SeqCst) > 0 {
            return Err(ValidationError::Inactive);
        }
        self.0.asked.notify_one();
        self.0.answer.notified().await;
        Ok(Claims::new().subject("harriet").audience_verified())
    }
}

#[tokio::test]
async fn an_answer_that_was_under_way_cannot_bring_access_back() {
    for ttl in [Duration::from_mins(5), Duration::ZERO] {
        an_answer_under_way(ttl).await;
    }
}

async fn an_answer_under_way(ttl: Duration) {
    let validator = Slow::default();
    let server =
        TestServer::with(|server| server.auth(validator.clone()).webhook_secret(SECRET).cache_ttl(ttl)).await;
    let client = server.client_with("token", Revision::Modern);
    let request = tokio::spawn({
        let client = client.clone();
        async move { client.call("surroundings", json!({})).await.status }
    });
    validator.0.asked.notified().await;
    deliver(&server, "msg_1", &disabled("harriet")).await;
    validator.0.answer.notify_one();
    assert_eq!(request.await.expect("it was sent"), 401, "the old answer was not used");
    assert_eq!(client.list().await.status, 401);
    assert_eq!(server.probe.runs(), 0);
    assert!(validator.0.questions.load(Ordering::SeqCst) >= 2);
}

#[tokio::test]
async fn a_body_that_takes_its_time_does_not_outlive_the_access() {
    let tenant = tenant(|tenant| tenant).await;
    let server = hearing_server(&tenant).await;
    let (id, client) = harriet(&tenant, &server).await;
    let token = token_for(&tenant, "HR", &server.endpoint);
    let asked = tenant.introspection_count();
    let body = client.call_message("people_private", &json!({})).to_string();
    let (first, second) = body.split_at(10);
    let head = format!(
        "POST /mcp HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\n\
         Mcp-Name: people_private\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{first}",
        server.address,
        body.len(),
    );
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    eventually("the token is checked before the body is there", async || tenant.introspection_count() > asked).await;
    tenant.disable_person(&id).unwrap();
    deliver(&server, "msg_1", &disabled(&id)).await;
    stream.write_all(second.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    assert!(response.starts_with("HTTP/1.1 401 "), "{response}");
    assert_eq!(server.probe.runs(), 0);
}

#[tokio::test]
async fn an_open_stream_ends_and_the_body_of_its_tool_is_dropped() {
    for revision in Revision::BOTH {
        let tenant = tenant(|tenant| tenant).await;
        let server = hearing_server(&tenant).await;
        let (id, _) = harriet(&tenant, &server).await;
        let client = server.client_with(&token_for(&tenant, "HR", &server.endpoint), revision);
        let mut message = client.call_message("progresses", &json!({}));
        message["params"]["_meta"]["progressToken"] = json!("p");
        let mut response = client.request(&message).send().await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/event-stream", "{revision}");
        server.probe.started().await;
        deliver(&server, "msg_1", &disabled("somebody else")).await;
        deliver(&server, "msg_2", &disabled(&id)).await;
        server.probe.gone().await;
        let mut text = String::new();
        while let Some(chunk) = response.chunk().await.unwrap() {
            text.push_str(&String::from_utf8_lossy(&chunk));
        }
        assert!(!text.contains("arrived"), "{revision}: {text}");
    }
}
