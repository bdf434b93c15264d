//! A server that validates JWT access tokens with the keys of their issuer, which is sometimes unreachable.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Instant, SystemTime},
};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use axum::{Json, Router, http::StatusCode, routing::get};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use toolgate::oauth::Jwt;
use toolgate_tests::{HttpResponse, Revision, TestServer, eventually, http_client, send};

/// Issuer with one key. Dropping it stops its server.
struct Issuer {
    url: String,
    key: Ed25519KeyPair,
    reachable: Arc<AtomicBool>,
    key_requests: Arc<AtomicU64>,
    server: JoinHandle<()>,
}

impl Issuer {
    async fn start() -> Self {
        let listener = TestServer::listener().await;
        let url = TestServer::url_of(&listener);
        let key = Ed25519KeyPair::generate().unwrap();
        let (reachable, key_requests) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicU64::new(0)));
        let metadata = json!({"issuer": url, "jwks_uri": format!("{url}/keys")});
        let public = URL_SAFE_NO_PAD.encode(key.public_key().as_ref());
        let keys = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "1", "x": public}]});
        let (is_reachable, requests) = (Arc::clone(&reachable), Arc::clone(&key_requests));
        let respond = move |document: Value, requests: Option<Arc<AtomicU64>>| {
            let is_reachable = Arc::clone(&is_reachable);
            get(async move || {
                if let Some(requests) = requests {
                    requests.fetch_add(1, Ordering::Relaxed);
                }
                let status =
                    if is_reachable.load(Ordering::Relaxed) { StatusCode::OK } else { StatusCode::BAD_GATEWAY };
                (status, Json(document))
            })
        };
        let router = Router::new()
            .route("/.well-known/oauth-authorization-server", respond(metadata, None))
            .route("/keys", respond(keys, Some(requests)));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, key, reachable, key_requests, server }
    }

    /// Returns an access token for a server, with this key ID.
    fn token(&self, server: &TestServer, key_id: &str) -> String {
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let header = json!({"typ": "at+jwt", "alg": "EdDSA", "kid": key_id});
        let claims = json!({
            "iss": self.url, "aud": server.endpoint, "sub": "harriet", "iat": now - 60, "exp": now + 60,
            "scope": "employees:read:public",
        });
        let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let message = format!("{header}.{claims}");
        let signature = URL_SAFE_NO_PAD.encode(self.key.sign(message.as_bytes()));
        format!("{message}.{signature}")
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn call(server: &TestServer, token: &str) -> HttpResponse {
    server.client_with(token, Revision::Modern).call("request_info", json!({})).await
}

async fn readiness(server: &TestServer) -> u16 {
    send(http_client().get(format!("{}/readyz", server.url))).await.status
}

#[tokio::test]
async fn a18_without_keys_every_token_gets_503_until_they_can_be_fetched() {
    let issuer = Issuer::start().await;
    issuer.reachable.store(false, Ordering::Relaxed);
    let server = TestServer::with(|server| server.auth(Jwt::new(&issuer.url).unwrap())).await;
    let token = issuer.token(&server, "1");
    for token in [&token, "no-such-token", "a.b.c"] {
        let response = call(&server, token).await;
        assert_eq!(response.status, 503, "{token}: {response:?}");
        assert!(response.challenge().is_none(), "{token}: a client would discard its token");
    }
    assert_eq!(server.bodies.runs(), 0, "no body ran");
    eventually("the server is not ready", async || readiness(&server).await == 503).await;

    issuer.reachable.store(true, Ordering::Relaxed);
    eventually("the token is accepted", async || call(&server, &token).await.status == 200).await;
    assert_eq!(call(&server, "no-such-token").await.status, 401);
    eventually("the server is ready", async || readiness(&server).await == 200).await;
}

#[tokio::test]
async fn a18_tokens_of_strangers_get_401_cause_no_requests_and_leave_the_server_ready() {
    let issuer = Issuer::start().await;
    let server = TestServer::with(|server| server.auth(Jwt::new(&issuer.url).unwrap())).await;
    let token = issuer.token(&server, "1");
    let started_at = Instant::now();
    assert_eq!(call(&server, &token).await.status, 200);
    let expected = call(&server, "no-such-token").await;
    assert_eq!((expected.status, expected.challenge().is_some()), (401, true));
    for i in 0..50 {
        let response = call(&server, &issuer.token(&server, &format!("unknown-{i}"))).await;
        assert_eq!((response.status, &response.text), (401, &expected.text), "the response does not say why");
    }
    let requests = issuer.key_requests.load(Ordering::Relaxed);
    assert!(requests <= 1 + started_at.elapsed().as_secs() / 10, "{requests} requests for the keys");
    assert_eq!(call(&server, &token).await.status, 200);
    assert_eq!(readiness(&server).await, 200);
}
