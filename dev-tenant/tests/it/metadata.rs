//! Tests of the metadata document and of the address that the tenant listens on.

use crate::support::{http, start};
use serde_json::{Value, json};
use toolgate_dev_tenant::{BindError, DevTenant, IssuerVariant, TenantConfig};

const AT_PATH: &str = "/.well-known/oauth-authorization-server/oauth/2.1";

async fn get(tenant: &DevTenant, path: &str) -> reqwest::Response {
    let url = format!("{}{path}", tenant.auth_url());
    http().get(url).send().await.unwrap()
}

#[tokio::test]
async fn the_document_has_the_fields_of_propelauth() {
    let tenant = start().await;
    let document: Value = get(&tenant, AT_PATH).await.json().await.unwrap();
    let base = tenant.auth_url();
    assert_eq!(document["issuer"], format!("{base}/oauth/2.1"));
    for (member, endpoint) in [
        ("authorization_endpoint", "authorize"),
        ("token_endpoint", "token"),
        ("registration_endpoint", "register"),
        ("introspection_endpoint", "introspect"),
    ] {
        assert_eq!(document[member], format!("{base}/oauth/2.1/{endpoint}"));
    }
    assert_eq!(document["code_challenge_methods_supported"], json!(["S256"]));
    assert_eq!(
        document["token_endpoint_auth_methods_supported"],
        json!(["client_secret_basic", "client_secret_post", "none"])
    );
    assert_eq!(document["scopes_supported"].as_array().unwrap().len(), 10);
}

#[tokio::test]
async fn the_issuer_variant_changes_the_issuer_only() {
    let tenant =
        DevTenant::builder(TenantConfig::sample()).issuer_variant(IssuerVariant::AtRoot).start().await.unwrap();
    let document: Value = get(&tenant, AT_PATH).await.json().await.unwrap();
    assert_eq!(document["issuer"], tenant.auth_url());
    assert_eq!(document["token_endpoint"], format!("{}/oauth/2.1/token", tenant.auth_url()));
}

#[tokio::test]
async fn the_root_address_is_404() {
    let tenant = start().await;
    for path in ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"] {
        assert_eq!(get(&tenant, path).await.status(), 404);
    }
}

#[tokio::test]
async fn the_document_is_404_while_mcp_is_disabled() {
    let tenant = start().await;
    tenant.set_mcp_enabled(false);
    assert_eq!(get(&tenant, AT_PATH).await.status(), 404);
    tenant.set_mcp_enabled(true);
    assert_eq!(get(&tenant, AT_PATH).await.status(), 200);
}

#[tokio::test]
async fn pages_of_any_origin_can_read_the_document_without_cookies() {
    let tenant = start().await;
    let response = http()
        .get(format!("{}{AT_PATH}", tenant.auth_url()))
        .header("origin", "http://localhost:6274")
        .send()
        .await
        .unwrap();
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
    assert!(!response.headers().contains_key("access-control-allow-credentials"));
}

#[tokio::test]
async fn pages_of_any_origin_can_send_client_credentials() {
    let tenant = start().await;
    for endpoint in ["token", "register", "revoke"] {
        let response = http()
            .request(reqwest::Method::OPTIONS, format!("{}/oauth/2.1/{endpoint}", tenant.auth_url()))
            .header("origin", "http://localhost:6274")
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,mcp-protocol-version")
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 200, "{endpoint}");
        let allowed = response.headers()["access-control-allow-headers"].to_str().unwrap();
        assert!(allowed.contains("authorization"), "{allowed}");
    }
    let login = http()
        .get(format!("{}/oauth/2.1/authorize", tenant.auth_url()))
        .header("origin", "http://localhost:6274")
        .send()
        .await
        .unwrap();
    assert!(!login.headers().contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn rejects_a_host_that_is_not_loopback() {
    let tenant = start().await;
    for (host, status) in [
        ("rebound.example.com", 421),
        ("localhost.example.com", 421),
        ("localhost:1@example.com", 421),
        ("localhost:4000", 200),
        ("[::1]:4000", 200),
    ] {
        let response =
            http().get(format!("{}{AT_PATH}", tenant.auth_url())).header("host", host).send().await.unwrap();
        assert_eq!(response.status(), status, "{host}");
    }
}

#[tokio::test]
async fn rejects_an_address_that_is_not_loopback() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let error =
            DevTenant::builder(TenantConfig::sample()).bind(address.parse().unwrap()).start().await.unwrap_err();
        assert!(matches!(error, BindError::NotLoopback(_)), "{error}");
    }
}

#[tokio::test]
async fn a_port_in_use_is_an_error_that_names_the_address() {
    let first = start().await;
    let error = DevTenant::builder(TenantConfig::sample()).bind(first.address()).start().await.unwrap_err();
    assert!(error.to_string().contains(&first.address().to_string()));
}

#[tokio::test]
async fn a_shutdown_frees_the_port() {
    let first = start().await;
    let address = first.address();
    first.shutdown().await;
    let again = DevTenant::builder(TenantConfig::sample()).bind(address).start().await.unwrap();
    assert_eq!(again.address(), address);
}
