use http::{Method, header};
use serde_json::{Value, json};

use super::{
    stub::{Request, response},
    *,
};

const BASE_URL: &str = "https://mcp.example.com";
const ADDRESS: &str = "/.well-known/oauth-authorization-server/oauth/2.1";

/// A tenant whose document names its own address and this path as the issuer.
async fn tenant(issuer_path: &'static str) -> Stub {
    Stub::new(move |request: &Request| {
        if request.uri != ADDRESS {
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
async fn a17_a_consistent_tenant_is_advertised_and_its_document_passed_on_unchanged() {
    let stub = tenant("/oauth/2.1").await;
    for auth_url in [stub.url.clone(), format!("{}/", stub.url)] {
        let server = propel_auth(&auth_url).authorization_server(BASE_URL).await.unwrap();
        assert_eq!(server.issuer, propel_auth(&auth_url).default_issuer());
        assert_eq!(server.document.map(Value::Object), Some(document(&stub.url, "/oauth/2.1")));
        assert_eq!(server.scopes_supported, Some(vec!["employees:read:public".to_owned()]));
    }
}

#[tokio::test]
async fn a17_this_server_stands_in_for_an_inconsistent_tenant() {
    let stub = tenant("").await;
    let server = propel_auth(&stub.url).authorization_server(BASE_URL).await.unwrap();
    let mut expected = document(&stub.url, "");
    expected["issuer"] = json!(BASE_URL);
    assert_eq!(server.issuer.as_deref(), Some(BASE_URL));
    assert_eq!(server.document.map(Value::Object), Some(expected));
}

#[tokio::test]
async fn a_wish_decides_in_any_case() {
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
async fn metadata_that_cannot_be_had_says_what_to_do() {
    for (status, body, reason) in [
        (404, "", "it is not there (404): is MCP enabled for this environment (MCP -> Enable MCP)?"),
        (401, "", "it answered 401 Unauthorized"),
        (500, "", "it answered 500 Internal Server Error"),
        (200, "<html>", "the metadata cannot be used: it is not a JSON object"),
        (200, "{}", "the metadata cannot be used: it has no `issuer`, or one that is not a string"),
        (
            200,
            r#"{"issuer": "x", "token_endpoint": "http://auth.example.com"}"#,
            "the metadata cannot be used: `token_endpoint` is not an https URL (or an http URL on loopback)",
        ),
    ] {
        assert_eq!(failure(&Stub::answering(status, body).await).await, reason);
    }
}

#[tokio::test]
async fn metadata_may_be_larger_than_an_introspection_answer_but_not_without_bound() {
    let padded = |bytes: usize| json!({"issuer": "x", "padding": " ".repeat(bytes)}).to_string();
    let stub = Stub::answering(200, padded(500_000)).await;
    assert!(propel_auth(&stub.url).authorization_server(BASE_URL).await.is_ok());
    let stub = Stub::answering(200, padded(1024 * 1024)).await;
    assert_eq!(failure(&stub).await, "the answer is larger than 1048576 bytes");
}
