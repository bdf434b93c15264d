//! What the server asks the authorization server, and what it makes of answers that no tenant of ours gives.

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

async fn start() -> (IntrospectionStub, TestServer) {
    let stub = IntrospectionStub::start().await;
    let auth = stub.propel_auth();
    let server = TestServer::with(|server| server.auth(auth)).await;
    (stub, server)
}

/// What a token gets that the authorization server answers this about. Every token is another, so that no answer is
/// remembered.
async fn status(stub: &IntrospectionStub, server: &TestServer, answer: &str) -> u16 {
    stub.answers(answer);
    let token = format!("token-{}", stub.asked().len());
    let client = server.client_with(&token, Revision::Modern);
    client.call("surroundings", json!({})).await.status
}

#[tokio::test]
async fn a15_the_call_authenticates_itself_and_sends_a_form() {
    let (stub, server) = start().await;
    stub.answers(json!({ "active": true, "aud": server.endpoint }).to_string());
    assert_eq!(server.client_with("a-b.c~d+e/f==", Revision::Modern).list().await.status, 200);
    let asked = stub.asked();
    let (headers, body) = asked.last().unwrap();
    let basic = format!("Basic {}", STANDARD.encode("client-id:client-secret"));
    assert_eq!(headers["authorization"], basic);
    assert_eq!(headers["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(headers["accept"], "application/json");
    assert_eq!(body, "token=a-b.c%7Ed%2Be%2Ff%3D%3D&token_type_hint=access_token");
}

#[tokio::test]
async fn a15_every_well_formed_answer_that_is_not_active_is_401() {
    let (stub, server) = start().await;
    for answer in [
        json!({ "active": false }),
        json!({ "active": false, "aud": server.endpoint, "scope": "files:read", "sub": "somebody" }),
        json!({ "active": false, "exp": "nonsense", "scope": 7 }),
    ] {
        assert_eq!(status(&stub, &server, &answer.to_string()).await, 401, "{answer}");
    }
    assert_eq!(server.probe.runs(), 0);
}

#[tokio::test]
async fn a15_every_answer_that_is_not_well_formed_is_503() {
    let (stub, server) = start().await;
    let aud = &server.endpoint;
    for answer in [
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
        assert_eq!(status(&stub, &server, &answer).await, 503, "{answer}");
    }
    assert_eq!(server.probe.runs(), 0);
}

#[tokio::test]
async fn a15_the_shape_of_a_good_answer_may_vary() {
    let (stub, server) = start().await;
    let aud = &server.endpoint;
    let answers = [
        json!({ "active": true, "aud": aud }),
        json!({ "active": true, "resource": aud }),
        json!({ "active": true, "aud": ["http://other", aud] }),
        json!({ "active": true, "aud": aud, "exp": 4_000_000_000_u64 }),
        json!({ "active": true, "aud": aud, "exp": 4_000_000_000.5 }),
        json!({ "active": true, "aud": aud, "exp": "4000000000" }),
        json!({ "active": true, "aud": aud, "scope": null, "sub": null, "client_id": null }),
        json!({ "active": true, "aud": aud, "something": { "else": [1] } }),
    ];
    for answer in &answers {
        assert_eq!(status(&stub, &server, &answer.to_string()).await, 200, "{answer}");
    }
    assert_eq!(server.probe.runs(), answers.len());
}

#[tokio::test]
async fn a5_an_audience_of_nobody_is_not_ours() {
    let (stub, server) = start().await;
    for answer in [
        json!({ "active": true }),
        json!({ "active": true, "aud": [] }),
        json!({ "active": true, "aud": "" }),
        json!({ "active": true, "aud": "*" }),
        json!({ "active": true, "aud": ["http://other"], "resource": server.endpoint }),
    ] {
        assert_eq!(status(&stub, &server, &answer.to_string()).await, 401, "{answer}");
    }
    assert_eq!(server.probe.runs(), 0);
}

#[tokio::test]
async fn a_token_that_is_no_token_is_never_sent_to_the_authorization_server() {
    let (stub, server) = start().await;
    for authorization in ["Bearer", "Bearer a b", "Bearer \"a\"", "Basic YTpi", "Bearer a&token=b"] {
        let reply = server.client(Revision::Modern).authorization(authorization).list().await;
        assert!(matches!(reply.status, 400 | 401), "{reply:?}");
    }
    assert!(stub.asked().is_empty());
}

#[tokio::test]
async fn a_redirect_is_not_followed_with_the_token_and_our_credentials() {
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
    let auth_url = format!("http://{}", listener.local_addr().unwrap());
    let task = tokio::spawn(async move { axum::serve(listener, router).await });
    let auth = PropelAuth::new(&auth_url, "client-id", "client-secret").unwrap();
    let server = TestServer::with(|server| server.auth(auth).accept_tokens_for_any_resource()).await;
    let reply = server.client_with("token", Revision::Modern).call("surroundings", json!({})).await;
    assert_eq!(reply.status, 503, "{reply:?}");
    assert_eq!((followed.load(Ordering::SeqCst), server.probe.runs()), (0, 0));
    task.abort();
}
