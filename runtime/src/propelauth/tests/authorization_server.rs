use http::{Method, header};
use serde_json::{Value, json};

use super::{
    stub::{Request, response},
    *,
};

const BASE_URL: &str = "https://mcp.example.com";
const METADATA_PATH: &str = "/.well-known/oauth-authorization-server/oauth/2.1";

/// Starts a stub whose metadata names its own URL with this path as the issuer.
async fn tenant(issuer_path: &'static str) -> Stub {
    Stub::new(move |request: &Request| {
        if request.uri != METADATA_PATH {
            return Some(response(404, &[], ""));
        }
        let host = request.headers[header::HOST].to_str().unwrap();
        Some(response(200, &[], document(&format!("http://{host}"), issuer_path).to_string()))
    })
    .await
}

fn document(auth_url: &str, issuer_path: &str) -> Value {
    json!({
        "issuer": format!("{auth_url}{issuer_path}"),
        "authorization_endpoint": format!("{auth_url}/oauth/2.1/authorize"),
        "token_endpoint": format!("{auth_url}/oauth/2.1/token"),
        "scopes_supported": ["employees:read:public"],
    })
}

async fn failure(stub: &Stub) -> String {
    let unavailable = propel_auth(&stub.url).authorization_server(BASE_URL).await.unwrap_err();
    unavailable
        .reason
        .replace(&stub.url, "URL")
        .strip_prefix("PropelAuth at URL/.well-known/oauth-authorization-server/oauth/2.1: ")
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn a17_an_expected_issuer_is_advertised_and_the_document_served_unchanged() {
    let stub = tenant("/oauth/2.1").await;
    for auth_url in [stub.url.clone(), format!("{}/", stub.url)] {
        let server = propel_auth(&auth_url).authorization_server(BASE_URL).await.unwrap();
        assert_eq!(server.issuer, propel_auth(&auth_url).default_issuer());
        assert_eq!(server.document.map(Value::Object), Some(document(&stub.url, "/oauth/2.1")));
        assert_eq!(server.scopes_supported, Some(vec!["employees:read:public".to_owned()]));
    }
}

#[tokio::test]
async fn a17_this_server_is_advertised_if_the_metadata_names_another_issuer() {
    let stub = tenant("").await;
    let server = propel_auth(&stub.url).authorization_server(BASE_URL).await.unwrap();
    let mut expected = document(&stub.url, "");
    expected["issuer"] = json!(BASE_URL);
    assert_eq!(server.issuer.as_deref(), Some(BASE_URL));
    assert_eq!(server.document.map(Value::Object), Some(expected));
}

#[tokio::test]
async fn an_explicit_setting_overrides_the_metadata() {
    let stub = tenant("/oauth/2.1").await;
    let auth = propel_auth(&stub.url).advertise(Advertise::ThisServer);
    let server = auth.authorization_server(BASE_URL).await.unwrap();
    assert_eq!(server.issuer.as_deref(), Some(BASE_URL));

    let stub = tenant("").await;
    let auth = propel_auth(&stub.url).advertise(Advertise::PropelAuth);
    let server = auth.authorization_server(BASE_URL).await.unwrap();
    assert_eq!(server.issuer, auth.default_issuer());
}

#[tokio::test]
async fn the_metadata_is_fetched_without_credentials() {
    let stub = tenant("/oauth/2.1").await;
    propel_auth(&stub.url).authorization_server(BASE_URL).await.unwrap();
    let requests = stub.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].method, Method::GET);
    assert!(!requests[0].headers.contains_key(header::AUTHORIZATION));
}

#[tokio::test]
async fn an_error_about_the_metadata_says_what_is_wrong() {
    for (status, body, reason) in [
        (404, "", "not found (404): enable MCP for this environment in the dashboard under MCP -> Enable MCP"),
        (401, "", "unexpected status 401 Unauthorized"),
        (500, "", "unexpected status 500 Internal Server Error"),
        (200, "<html>", "invalid metadata: it is not a JSON object"),
        (200, "{}", "invalid metadata: `issuer` is missing or not a string"),
        (
            200,
            r#"{"issuer": "x", "token_endpoint": "http://auth.example.com"}"#,
            "invalid metadata: `token_endpoint` is not an https:// URL (or http:// on loopback)",
        ),
    ] {
        assert_eq!(failure(&Stub::responding(status, body).await).await, reason);
    }
}

#[tokio::test]
async fn metadata_may_be_larger_than_an_introspection_response_up_to_a_limit() {
    let padded = |bytes: usize| json!({"issuer": "x", "padding": " ".repeat(bytes)}).to_string();
    let stub = Stub::responding(200, padded(500_000)).await;
    assert!(propel_auth(&stub.url).authorization_server(BASE_URL).await.is_ok());
    let stub = Stub::responding(200, padded(1024 * 1024)).await;
    assert_eq!(failure(&stub).await, "the response is larger than 1048576 bytes");
}
