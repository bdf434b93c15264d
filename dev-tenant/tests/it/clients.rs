//! Tests of client registration and client ID metadata documents.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use toolgate_dev_tenant::{DevTenant, TenantConfig};

use crate::browser::{Browser, REDIRECT, redeem, redirect_params, register, register_as, request};
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
        (json!({"redirect_uris": [REDIRECT], "client_name": "In\u{202e}rotcepsn"}), "invalid_client_metadata"),
        (json!({"redirect_uris": [REDIRECT], "client_name": "\u{2066}Inspector\u{2069}"}), "invalid_client_metadata"),
        (json!({"redirect_uris": [REDIRECT], "client_name": "Ins\u{200b}pector"}), "invalid_client_metadata"),
        (json!({"redirect_uris": [REDIRECT], "client_name": "\u{3164}"}), "invalid_client_metadata"),
        (json!({"redirect_uris": [REDIRECT], "client_name": "Inspector\n"}), "invalid_client_metadata"),
        (json!({"redirect_uris": [REDIRECT], "client_name": "\u{1b}[2J"}), "invalid_client_metadata"),
        (json!({"redirect_uris": [REDIRECT], "client_name": "\u{600}Inspector"}), "invalid_client_metadata"),
        (json!({"redirect_uris": [REDIRECT], "client_name#he": "\u{202e}Inspector"}), "invalid_client_metadata"),
        (
            json!({"redirect_uris": [REDIRECT], "client_uri": "https://example.com/\u{2066}"}),
            "invalid_client_metadata",
        ),
        (json!({"redirect_uris": [REDIRECT], "software_id": "a\u{200d}b"}), "invalid_client_metadata"),
        (json!({"redirect_uris": [REDIRECT], "contacts": ["a@example.com", "\0"]}), "invalid_client_metadata"),
        (json!({"redirect_uris": ["https://example.com/\u{202e}cb"]}), "invalid_redirect_uri"),
        (json!({"redirect_uris": ["cursor://\u{200b}cb"]}), "invalid_redirect_uri"),
        (json!({"redirect_uris": [REDIRECT], "scope": "a ".repeat(2049)}), "invalid_client_metadata"),
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
    for field in ["client_uri", "logo_uri", "contacts", "x"] {
        let huge = json!({"redirect_uris": [REDIRECT], field: "x".repeat(17_000)});
        assert!(register_as(&tenant, &huge).await.status().is_client_error());
    }
}

#[tokio::test]
async fn an_error_quotes_little_of_a_request() {
    let tenant = start().await;
    for metadata in [
        json!({"redirect_uris": [format!("javascript:{}", "x".repeat(2000))]}),
        json!({"redirect_uris": [REDIRECT], "token_endpoint_auth_method": "\u{202e}x".repeat(2000)}),
    ] {
        let body: Value = register_as(&tenant, &metadata).await.json().await.unwrap();
        let description = body["error_description"].as_str().unwrap();
        assert!(description.len() <= 301 && description.is_ascii(), "{description}");
    }
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

/// A server of a document at `/client.json`, which counts its connections. It runs until the runtime stops.
struct DocumentServer {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl DocumentServer {
    async fn start(status: &'static str, document: impl FnOnce(&str) -> String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::<AtomicUsize>::default();
        let server = Self { address, connections: Arc::clone(&connections) };
        let body = document(&server.url());
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
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
        server
    }

    fn host(&self) -> String {
        self.address.to_string()
    }

    fn url(&self) -> String {
        format!("http://{}/client.json", self.address)
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Starts a tenant that fetches documents from these hosts.
async fn with_documents(hosts: &[String]) -> DevTenant {
    let tenant = DevTenant::builder(TenantConfig::sample()).client_id_metadata_documents(true);
    tenant.client_document_hosts(hosts).start().await.unwrap()
}

fn valid_document(url: &str) -> String {
    json!({
        "client_id": url,
        "client_name": "Documented client",
        "redirect_uris": [REDIRECT],
        "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_method": "none",
    })
    .to_string()
}

fn authorize_url(tenant: &DevTenant, client_id: &str) -> String {
    format!("{}/oauth/2.1/authorize?{}", tenant.auth_url(), request(client_id, &[]))
}

/// Returns a browser in which a person is logged in.
async fn logged_in(tenant: &DevTenant) -> Browser {
    let client = register(tenant).await;
    let mut browser = Browser::default();
    browser.log_in(tenant, &request(&client, &[]), "HR").await;
    browser
}

#[tokio::test]
async fn a_metadata_document_is_a_client_if_enabled() {
    let documents = DocumentServer::start("200 OK", valid_document).await;
    let url = documents.url();
    let disabled = DevTenant::builder(TenantConfig::sample()).client_document_hosts([documents.host()]);
    let disabled = disabled.start().await.unwrap();
    assert_eq!(logged_in(&disabled).await.get(&authorize_url(&disabled, &url)).await.status(), 400);
    assert_eq!(documents.connections(), 0);

    let enabled = with_documents(&[documents.host()]).await;
    let mut browser = Browser::default();
    let page = browser.log_in(&enabled, &request(&url, &[]), "HR").await;
    assert!(page.contains("Documented client"), "{page}");
    let redirect = redirect_params(&browser.decide(&enabled, &page, "allow").await);
    let (status, tokens) = redeem(&enabled, &url, &redirect["code"]).await;
    assert_eq!(status, 200, "{tokens}");
    assert!(tokens.get("refresh_token").is_some());
    assert_eq!(documents.connections(), 1, "the document is cached");
    let metadata = format!("{}/.well-known/oauth-authorization-server/oauth/2.1", enabled.auth_url());
    let metadata: Value = http().get(metadata).send().await.unwrap().json().await.unwrap();
    assert_eq!(metadata["client_id_metadata_document_supported"], true);
}

#[tokio::test]
async fn a_document_is_fetched_only_for_a_person_who_is_logged_in() {
    let documents = DocumentServer::start("200 OK", valid_document).await;
    let tenant = with_documents(&[documents.host()]).await;
    for _ in 0..20 {
        let login = http().get(authorize_url(&tenant, &documents.url())).send().await.unwrap();
        assert_eq!(login.status(), 200);
        let login = login.text().await.unwrap();
        assert!(login.contains("Choose who you are") && login.contains(&documents.host()), "{login}");
        let consent = [("request", request(&documents.url(), &[])), ("decision", "allow".to_owned())];
        let url = format!("{}/oauth/2.1/consent", tenant.auth_url());
        assert_eq!(http().post(url).form(&consent).send().await.unwrap().status(), 403);
    }
    assert_eq!(documents.connections(), 0);
    assert_eq!(logged_in(&tenant).await.get(&authorize_url(&tenant, &documents.url())).await.status(), 200);
    assert_eq!(documents.connections(), 1);
}

#[tokio::test]
async fn a_document_is_fetched_only_from_a_configured_host() {
    let documents = DocumentServer::start("200 OK", valid_document).await;
    let port = documents.address.port();
    let other = ["client.example.com".to_owned(), "127.0.0.1".to_owned(), format!("localhost:{port}")];
    for hosts in [&[][..], &other] {
        let tenant = with_documents(hosts).await;
        let mut browser = logged_in(&tenant).await;
        for id in [documents.url(), documents.url().replace("http://", "https://")] {
            let response = browser.get(&authorize_url(&tenant, &id)).await;
            assert_eq!(response.status(), 400, "{id}");
            let page = response.text().await.unwrap();
            assert!(page.contains(&format!("--client-document-host 127.0.0.1:{port}")), "{page}");
        }
    }
    assert_eq!(documents.connections(), 0);
}

#[tokio::test]
async fn a_document_is_not_fetched_from_a_private_address() {
    let hosts = ["169.254.169.254", "10.0.0.1", "[fd00::1]", "192.168.1.1:8443"];
    let tenant = with_documents(&hosts.map(str::to_owned)).await;
    let mut browser = logged_in(&tenant).await;
    for host in hosts {
        let response = browser.get(&authorize_url(&tenant, &format!("https://{host}/client.json"))).await;
        assert_eq!(response.status(), 400, "{host}");
        let page = response.text().await.unwrap();
        assert!(page.contains("no public address"), "{page}");
    }
}

#[tokio::test]
async fn a_document_that_failed_is_not_fetched_again_at_once() {
    let documents = DocumentServer::start("404 Not Found", valid_document).await;
    let tenant = with_documents(&[documents.host()]).await;
    let mut browser = logged_in(&tenant).await;
    for _ in 0..20 {
        assert_eq!(browser.get(&authorize_url(&tenant, &documents.url())).await.status(), 400);
    }
    assert_eq!(documents.connections(), 1);
}

#[tokio::test]
async fn a_few_documents_are_fetched_at_once() {
    const REQUESTS: usize = 20;
    // It accepts connections and never responds.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let tenant = with_documents(std::slice::from_ref(&host)).await;
    let browser = logged_in(&tenant).await;
    let (sender, mut statuses) = tokio::sync::mpsc::channel(REQUESTS);
    for i in 0..REQUESTS {
        let (mut browser, sender) = (browser.clone(), sender.clone());
        let url = authorize_url(&tenant, &format!("http://{host}/{i}.json"));
        tokio::spawn(async move { sender.send(browser.get(&url).await.status()).await });
    }
    // Requests beyond the limit fail immediately, while the fetches wait for their time limit.
    let mut accepted = Vec::new();
    for _ in 0..REQUESTS - 4 {
        tokio::select! {
            biased;
            status = statuses.recv() => assert_eq!(status.unwrap(), 400),
            connection = listener.accept() => accepted.push(connection.unwrap()),
        }
    }
    assert!(accepted.len() <= 4, "{} connections", accepted.len());
}

#[tokio::test]
async fn an_invalid_metadata_document_is_shown_to_the_person() {
    let other_client = |_: &str| valid_document("https://other.example.com/client.json");
    let with_secret = |url: &str| valid_document(url).replace("none", "client_secret_post");
    let too_large = |url: &str| format!("{}{}", valid_document(url), " ".repeat(20_000));
    let bidirectional = |url: &str| valid_document(url).replace("Documented", "\u{202e}Documented");
    let unknown_method = |url: &str| valid_document(url).replace("none", &"\u{202e}x".repeat(3000));
    let servers = [
        DocumentServer::start("200 OK", other_client).await,
        DocumentServer::start("200 OK", with_secret).await,
        DocumentServer::start("200 OK", too_large).await,
        DocumentServer::start("200 OK", bidirectional).await,
        DocumentServer::start("200 OK", unknown_method).await,
        DocumentServer::start("200 OK", |_| "{".to_owned()).await,
        DocumentServer::start("302 Found", valid_document).await,
        DocumentServer::start("404 Not Found", valid_document).await,
    ];
    let tenant = with_documents(&servers.each_ref().map(DocumentServer::host)).await;
    let mut browser = logged_in(&tenant).await;
    let long = format!("{}/{}.json", servers[0].url(), "x".repeat(3000));
    let urls = servers.iter().map(DocumentServer::url);
    for url in urls.chain(["http://client.example.com/client.json".to_owned(), long]) {
        let response = browser.get(&authorize_url(&tenant, &url)).await;
        assert_eq!(response.status(), 400, "{url}");
        let page = response.text().await.unwrap();
        assert!(page.len() < 4000 && !page.contains('\u{202e}'), "{page}");
    }
    for server in servers {
        assert_eq!(server.connections(), 1);
    }
}
