//! Introspection requests of the server, and responses that the development tenant does not send.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    Router,
    response::Redirect,
    routing::{any, post},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;
use toolgate::PropelAuth;
use toolgate_tests::{IntrospectionStub, Revision, TestServer};

pub(crate) async fn start_with_stub() -> (IntrospectionStub, TestServer) {
    let stub = IntrospectionStub::start().await;
    let auth = stub.propel_auth();
    let server = TestServer::with(|server| server.auth(auth)).await;
    (stub, server)
}

/// Returns the status of a call whose token gets this introspection response. Each call has a token of its own, so that
/// no response is cached.
pub(crate) async fn call_status(stub: &IntrospectionStub, server: &TestServer, response: &str) -> u16 {
    stub.set_response(response);
    let token = format!("token-{}", stub.requests().len());
    let client = server.client_with(&token, Revision::Modern);
    client.call("request_info", json!({})).await.status
}

#[tokio::test]
async fn a15_the_introspection_request_authenticates_and_sends_a_form() {
    let (stub, server) = start_with_stub().await;
    stub.set_response(json!({ "active": true, "aud": server.endpoint }).to_string());
    assert_eq!(server.client_with("a-b.c~d+e/f==", Revision::Modern).list().await.status, 200);
    let requests = stub.requests();
    let (headers, body) = requests.last().unwrap();
    let basic = format!("Basic {}", STANDARD.encode("client-id:client-secret"));
    assert_eq!(headers["authorization"], basic);
    assert_eq!(headers["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(headers["accept"], "application/json");
    assert_eq!(body, "token=a-b.c%7Ed%2Be%2Ff%3D%3D&token_type_hint=access_token");
}

#[tokio::test]
async fn a15_an_inactive_introspection_response_gets_401() {
    let (stub, server) = start_with_stub().await;
    for introspected in [
        json!({ "active": false }),
        json!({ "active": false, "aud": server.endpoint, "scope": "files:read", "sub": "user-1" }),
        json!({ "active": false, "exp": "nonsense", "scope": 7 }),
    ] {
        assert_eq!(call_status(&stub, &server, &introspected.to_string()).await, 401, "{introspected}");
    }
    assert_eq!(server.bodies.runs(), 0);
}

#[tokio::test]
async fn a15_a_malformed_introspection_response_gets_503() {
    let (stub, server) = start_with_stub().await;
    let aud = &server.endpoint;
    for introspected in [
        String::new(),
        "active".to_owned(),
        "true".to_owned(),
        "null".to_owned(),
        "{}".to_owned(),
        "<html>".to_owned(),
        json!([{ "active": true, "aud": aud }]).to_string(),
        json!({ "active": "true", "aud": aud }).to_string(),
        json!({ "active": 1, "aud": aud }).to_string(),
        json!({ "active": null, "aud": aud }).to_string(),
        json!({ "Active": true, "aud": aud }).to_string(),
        json!({ "active": true, "aud": 7 }).to_string(),
        json!({ "active": true, "aud": aud, "scope": { "files:read": true } }).to_string(),
        json!({ "active": true, "aud": aud, "exp": "soon" }).to_string(),
        json!({ "active": true, "aud": aud, "exp": 4_000_000_000_000_u64 }).to_string(),
        json!({ "active": true, "aud": aud, "sub": ["a", "b"] }).to_string(),
        format!(r#"{{"active":false,"active":true,"aud":"{aud}"}}"#),
        format!(r#"{{"active":true,"aud":"http://other","aud":"{aud}"}}"#),
    ] {
        assert_eq!(call_status(&stub, &server, &introspected).await, 503, "{introspected}");
    }
    assert_eq!(server.bodies.runs(), 0);
}

#[tokio::test]
async fn a15_optional_fields_of_an_active_response_may_vary() {
    let (stub, server) = start_with_stub().await;
    let aud = &server.endpoint;
    let active = [
        json!({ "active": true, "aud": aud }),
        json!({ "active": true, "resource": aud }),
        json!({ "active": true, "aud": ["http://other", aud] }),
        json!({ "active": true, "aud": aud, "exp": 4_000_000_000_u64 }),
        json!({ "active": true, "aud": aud, "exp": 4_000_000_000.5 }),
        json!({ "active": true, "aud": aud, "exp": "4000000000" }),
        json!({ "active": true, "aud": aud, "scope": null, "sub": null, "client_id": null }),
        json!({ "active": true, "aud": aud, "something": { "else": [1] } }),
    ];
    for introspected in &active {
        assert_eq!(call_status(&stub, &server, &introspected.to_string()).await, 200, "{introspected}");
    }
    assert_eq!(server.bodies.runs(), active.len());
}

#[tokio::test]
async fn malformed_credentials_are_never_sent_to_the_authorization_server() {
    let (stub, server) = start_with_stub().await;
    for authorization in ["Bearer", "Bearer a b", "Bearer \"a\"", "Basic YTpi", "Bearer a&token=b"] {
        let response = server.client(Revision::Modern).authorization(authorization).list().await;
        assert!(matches!(response.status, 400 | 401), "{response:?}");
    }
    assert!(stub.requests().is_empty());
}

#[tokio::test]
async fn an_introspection_redirect_is_not_followed() {
    let followed = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&followed);
    let elsewhere = any(async move || {
        count.fetch_add(1, Ordering::SeqCst);
        r#"{"active":true}"#
    });
    let router = Router::new()
        .route("/oauth/2.1/introspect", post(|| async { Redirect::temporary("/elsewhere") }))
        .route("/elsewhere", elsewhere);
    let listener = TestServer::listener().await;
    let auth_url = TestServer::url_of(&listener);
    let task = tokio::spawn(async move { axum::serve(listener, router).await });
    let auth = PropelAuth::new(&auth_url, "client-id", "client-secret").unwrap();
    let server = TestServer::with(|server| server.auth(auth).accept_tokens_for_any_resource()).await;
    let response = server.client_with("token", Revision::Modern).call("request_info", json!({})).await;
    assert_eq!(response.status, 503, "{response:?}");
    assert_eq!((followed.load(Ordering::SeqCst), server.bodies.runs()), (0, 0));
    task.abort();
}
