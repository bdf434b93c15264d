//! Tests of client registration and client ID metadata documents.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use toolgate_dev_tenant::{DevTenant, TenantConfig};

use crate::browser::{Browser, REDIRECT, redeem, register, register_as, request};
use crate::support::{http, start};

#[tokio::test]
async fn a_registration_response_contains_what_was_registered() {
    let tenant = start().await;
    let response = register_as(
        &tenant,
        &json!({
            "client_name": "Inspector",
            "redirect_uris": ["http://localhost/callback", "cursor://anysphere/callback"],
            "token_endpoint_auth_method": "client_secret_post",
            "grant_types": ["authorization_code", "refresh_token", "implicit"],
            "response_types": ["code"],
            "software_id": "ignored",
        }),
    )
    .await;
    assert_eq!(response.status(), 201);
    assert_eq!(response.headers()["cache-control"], "no-store");
    let registration: Value = response.json().await.unwrap();
    assert_eq!(registration["client_name"], "Inspector");
    assert_eq!(registration["grant_types"], json!(["authorization_code", "refresh_token"]));
    assert_eq!(registration["client_secret_expires_at"], 0);
    assert!(registration["client_secret"].as_str().unwrap().len() >= 43);
    assert!(registration.get("software_id").is_none());
}

#[tokio::test]
async fn rejects_invalid_or_unsafe_client_metadata() {
    let tenant = start().await;
    for (metadata, error) in [
        (json!({}), "invalid_redirect_uri"),
        (json!({"redirect_uris": []}), "invalid_redirect_uri"),
        (json!({"redirect_uris": ["http://evil.example.com/cb"]}), "invalid_redirect_uri"),
        (json!({"redirect_uris": ["javascript:alert(1)"]}), "invalid_redirect_uri"),
        (json!({"redirect_uris": vec![REDIRECT; 21]}), "invalid_redirect_uri"),
        (json!({"redirect_uris": [REDIRECT], "client_name": "x".repeat(201)}), "invalid_client_metadata"),
        (
            json!({"redirect_uris": [REDIRECT], "token_endpoint_auth_method": "private_key_jwt"}),
            "invalid_client_metadata",
        ),
        (json!({"redirect_uris": [REDIRECT], "grant_types": ["client_credentials"]}), "invalid_client_metadata"),
        (json!([]), "invalid_client_metadata"),
    ] {
        let response = register_as(&tenant, &metadata).await;
        assert_eq!(response.status(), 400, "{metadata}");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["error"], error, "{metadata}");
    }
    let huge = json!({"redirect_uris": [REDIRECT], "x": "x".repeat(100_000)});
    assert!(register_as(&tenant, &huge).await.status().is_client_error());
}

#[tokio::test]
async fn registration_can_be_disabled() {
    let tenant = DevTenant::builder(TenantConfig::sample()).registration(false).start().await.unwrap();
    let response = register_as(&tenant, &json!({"redirect_uris": [REDIRECT]})).await;
    assert_eq!(response.status(), 404);
    let url = format!("{}/.well-known/oauth-authorization-server/oauth/2.1", tenant.auth_url());
    let document: Value = http().get(url).send().await.unwrap().json().await.unwrap();
    assert!(document.get("registration_endpoint").is_none());
}

#[tokio::test]
async fn only_allowed_redirect_uris_can_be_registered() {
    let tenant = DevTenant::builder(TenantConfig::sample())
        .allowed_redirect_uris(["https://client.example.com/callback", "http://localhost/callback"])
        .start()
        .await
        .unwrap();
    let status = async |uri: &str| register_as(&tenant, &json!({"redirect_uris": [uri]})).await.status();
    assert_eq!(status("https://client.example.com/callback").await, 201);
    assert_eq!(status("http://localhost:9999/callback").await, 201);
    assert_eq!(status("https://other.example.com/callback").await, 400);
}

#[tokio::test]
async fn many_registrations_evict_only_clients_without_tokens() {
    let tenant = start().await;
    let client = register(&tenant).await;
    let redirect = Browser::default().allow(&tenant, &request(&client, &[]), "HR").await;
    let http = http();
    let url = format!("{}/oauth/2.1/register", tenant.auth_url());
    for _ in 0..1010 {
        let metadata = json!({"redirect_uris": [REDIRECT]});
        assert_eq!(http.post(&url).json(&metadata).send().await.unwrap().status(), 201);
    }
    assert_eq!(redeem(&tenant, &client, &redirect["code"]).await.0, 200);
}

/// Serves a document at `/client.json` until the runtime stops. Returns its URL.
async fn serve_document(status: &'static str, document: impl FnOnce(&str) -> String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/client.json", listener.local_addr().unwrap());
    let body = document(&address);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = socket.read(&mut request).await;
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nlocation: /elsewhere\r\nconnection: close\r\n\r\n"
            );
            let _ = socket.write_all(head.as_bytes()).await;
            let _ = socket.write_all(body.as_bytes()).await;
        }
    });
    address
}

async fn with_documents() -> DevTenant {
    DevTenant::builder(TenantConfig::sample()).client_id_metadata_documents(true).start().await.unwrap()
}

fn valid_document(address: &str) -> String {
    json!({
        "client_id": address,
        "client_name": "Documented client",
        "redirect_uris": [REDIRECT],
        "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_method": "none",
    })
    .to_string()
}

#[tokio::test]
async fn a_metadata_document_is_a_client_if_enabled() {
    let address = serve_document("200 OK", valid_document).await;
    let disabled = start().await;
    let url = |tenant: &DevTenant| format!("{}/oauth/2.1/authorize?{}", tenant.auth_url(), request(&address, &[]));
    assert_eq!(http().get(url(&disabled)).send().await.unwrap().status(), 400);

    let enabled = with_documents().await;
    let page = http().get(url(&enabled)).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("Documented client"), "{page}");
    let redirect = Browser::default().allow(&enabled, &request(&address, &[]), "HR").await;
    let (status, tokens) = redeem(&enabled, &address, &redirect["code"]).await;
    assert_eq!(status, 200, "{tokens}");
    assert!(tokens.get("refresh_token").is_some());
    let metadata = format!("{}/.well-known/oauth-authorization-server/oauth/2.1", enabled.auth_url());
    let metadata: Value = http().get(metadata).send().await.unwrap().json().await.unwrap();
    assert_eq!(metadata["client_id_metadata_document_supported"], true);
}

#[tokio::test]
async fn an_invalid_metadata_document_is_shown_to_the_person() {
    let tenant = with_documents().await;
    let other_client = |_: &str| valid_document("https://other.example.com/client.json");
    let with_secret = |address: &str| valid_document(address).replace("none", "client_secret_post");
    let too_large = |address: &str| format!("{}{}", valid_document(address), " ".repeat(20_000));
    let addresses = [
        serve_document("200 OK", other_client).await,
        serve_document("200 OK", with_secret).await,
        serve_document("200 OK", too_large).await,
        serve_document("200 OK", |_| "{".to_owned()).await,
        serve_document("302 Found", valid_document).await,
        serve_document("404 Not Found", valid_document).await,
        "http://client.example.com/client.json".to_owned(),
    ];
    for address in addresses {
        let url = format!("{}/oauth/2.1/authorize?{}", tenant.auth_url(), request(&address, &[]));
        let response = http().get(url).send().await.unwrap();
        assert_eq!(response.status(), 400, "{address}");
    }
}
