//! Tests of webhooks.

use std::time::Duration;

use serde_json::{Value, json};
use standardwebhooks::Webhook;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use toolgate_dev_tenant::{DevTenant, NewApiKey, TenantConfig, WebhookEndpoint, WebhookError};

use crate::support::{http, start};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Starts an endpoint that responds to each request with the next status. Returns its URL and the requests.
async fn endpoint(statuses: &'static [&'static str]) -> (String, UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/webhooks", listener.local_addr().unwrap());
    let (sender, receiver) = unbounded_channel();
    tokio::spawn(async move {
        let mut statuses = statuses.iter();
        while let Ok((mut socket, _)) = listener.accept().await {
            let status = statuses.next().unwrap_or(&"200 OK");
            let mut request = String::new();
            let mut buffer = [0; 4096];
            while !request.ends_with('}') {
                let read = socket.read(&mut buffer).await.unwrap();
                request.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
            }
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            sender.send(request).unwrap();
            socket.write_all(head.as_bytes()).await.unwrap();
        }
    });
    (url, receiver)
}

async fn start_with(url: &str) -> DevTenant {
    DevTenant::builder(TenantConfig::sample())
        .webhook(WebhookEndpoint::new(url, SECRET).unwrap())
        .start()
        .await
        .unwrap()
}

async fn next(requests: &mut UnboundedReceiver<String>) -> String {
    tokio::time::timeout(Duration::from_secs(20), requests.recv()).await.unwrap().unwrap()
}

fn header<'a>(request: &'a str, name: &str) -> &'a str {
    request.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap()
}

/// Checks the signature and returns the body.
fn verified_body(request: &str) -> Value {
    let body = request.split("\r\n\r\n").nth(1).unwrap();
    let timestamp: i64 = header(request, "svix-timestamp").parse().unwrap();
    let expected =
        Webhook::new(SECRET).unwrap().sign(header(request, "svix-id"), timestamp, body.as_bytes()).unwrap();
    assert_eq!(header(request, "svix-signature"), expected);
    serde_json::from_str(body).unwrap()
}

#[tokio::test]
async fn every_change_is_sent_with_a_signature_and_its_ids() {
    let (url, mut requests) = endpoint(&[]).await;
    let tenant = start_with(&url).await;
    let id = tenant.person_of_role("HR").unwrap().id;
    tenant.disable_person(&id).unwrap();
    tenant.enable_person(&id).unwrap();
    tenant.set_role(&id, "Support").unwrap();
    tenant.revoke_all(&id).unwrap();
    let org_id = &tenant.config().organization().id;
    for expected in [
        json!({"event_type": "user.disabled", "user_id": id}),
        json!({"event_type": "user.enabled", "user_id": id}),
        json!({
            "event_type": "user.role_changed_within_org",
            "user_id": id,
            "org_id": org_id,
            "old_role": "HR",
            "new_role": "Support",
        }),
        json!({"event_type": "user.logged_out", "user_id": id}),
    ] {
        assert_eq!(verified_body(&next(&mut requests).await), expected);
    }
}

#[tokio::test]
async fn a_deleted_key_is_sent_with_its_owner_and_a_generic_one_is_not() {
    let (url, mut requests) = endpoint(&[]).await;
    let tenant = start_with(&url).await;
    let user_id = tenant.person_of_role("HR").unwrap().id;
    let [generic, personal, organization] =
        [NewApiKey::generic(), NewApiKey::for_person(&user_id), NewApiKey::for_organization()].map(|key| {
            let id = tenant.create_api_key(&key).unwrap().id;
            tenant.delete_api_key(&id).unwrap();
            id
        });
    assert_ne!(generic, personal);
    let org_id = &tenant.config().organization().id;
    for expected in [
        json!({"event_type": "user.deleted_personal_api_key", "user_id": user_id, "api_key_id": personal}),
        json!({"event_type": "org.api_key_deleted", "org_id": org_id, "api_key_id": organization}),
    ] {
        assert_eq!(verified_body(&next(&mut requests).await), expected);
    }
}

#[tokio::test]
async fn a_change_on_the_admin_page_waits_until_its_webhook_was_sent() {
    let (url, mut requests) = endpoint(&[]).await;
    let tenant = start_with(&url).await;
    let id = tenant.person_of_role("HR").unwrap().id;
    for change in ["disable", "enable", "revoke"] {
        let api = format!("{}/admin/api/people/{id}/{change}", tenant.auth_url());
        assert!(http().post(&api).send().await.unwrap().status().is_success());
        assert!(requests.try_recv().is_ok(), "{change}");
    }
}

#[tokio::test]
async fn an_action_that_changes_nothing_is_not_sent() {
    let (url, mut requests) = endpoint(&[]).await;
    let tenant = start_with(&url).await;
    let id = tenant.person_of_role("HR").unwrap().id;
    tenant.enable_person(&id).unwrap();
    tenant.set_role(&id, "HR").unwrap();
    tenant.disable_person(&id).unwrap();
    assert_eq!(verified_body(&next(&mut requests).await)["event_type"], "user.disabled");
}

#[tokio::test]
async fn a_failed_delivery_is_retried_with_the_same_id() {
    let (url, mut requests) = endpoint(&["500 Internal Server Error"]).await;
    let tenant = start_with(&url).await;
    tenant.disable_person(&tenant.person_of_role("HR").unwrap().id).unwrap();
    let (first, second) = (next(&mut requests).await, next(&mut requests).await);
    assert_eq!(verified_body(&first), verified_body(&second));
    assert_eq!(header(&first, "svix-id"), header(&second, "svix-id"));
}

#[tokio::test]
async fn the_api_sends_any_event() {
    let (url, mut requests) = endpoint(&[]).await;
    let tenant = start_with(&url).await;
    let api = format!("{}/admin/api/webhooks", tenant.auth_url());
    let event = json!({"event_type": "org.deleted", "org_id": "x"});
    let sent = http().post(&api).json(&event).send().await.unwrap();
    assert_eq!(sent.status(), 202);
    assert_eq!(verified_body(&next(&mut requests).await), event);
    let nameless = http().post(&api).json(&json!({"org_id": "x"})).send().await.unwrap();
    assert_eq!(nameless.status(), 422);

    let without = start().await;
    let api = format!("{}/admin/api/webhooks", without.auth_url());
    assert_eq!(http().post(&api).json(&event).send().await.unwrap().status(), 409);
}

#[test]
fn a_generated_secret_is_random_and_valid() {
    let endpoint = || WebhookEndpoint::with_random_secret("http://localhost/x").unwrap();
    let (first, second) = (endpoint(), endpoint());
    assert_ne!(first.secret(), second.secret());
    assert!(WebhookEndpoint::new("http://localhost/x", first.secret()).is_ok());
    assert!(matches!(WebhookEndpoint::with_random_secret("ftp://x"), Err(WebhookError::Url(_))));
}

#[test]
fn rejects_an_invalid_endpoint_and_hides_its_secret() {
    assert!(matches!(WebhookEndpoint::new("ftp://x", SECRET), Err(WebhookError::Url(_))));
    for secret in ["", "whsec_", "whsec_%%%", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] {
        assert!(matches!(WebhookEndpoint::new("http://localhost/x", secret), Err(WebhookError::Secret)));
    }
    let endpoint = WebhookEndpoint::new("http://localhost/x", SECRET).unwrap();
    assert!(!format!("{endpoint:?}").contains("MfKQ"));
}
