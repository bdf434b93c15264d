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
use toolgate::{auth::Revocation, oauth::Jwt};
use toolgate_tests::{CapturedLog, HttpResponse, Revision, TestServer, eventually, http_client, send};

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
        self.token_of(server, key_id, "harriet", Some(now() - 60.0))
    }

    /// Returns an access token of a user with this `iat`.
    fn token_of(&self, server: &TestServer, key_id: &str, user: &str, issued_at: Option<f64>) -> String {
        let header = json!({"typ": "at+jwt", "alg": "EdDSA", "kid": key_id});
        let claims = json!({
            "iss": self.url, "aud": server.endpoint, "sub": user, "iat": issued_at, "exp": now() + 60.0,
            "scope": "employees:read:public", "org_id": "company",
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

/// Returns the seconds since 1970. A fraction orders tokens and revocations of the same second.
fn now() -> f64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs_f64()
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

#[tokio::test]
async fn the_log_says_how_long_a_revoked_jwt_is_accepted() {
    let log = CapturedLog::start();
    let issuer = Issuer::start().await;
    let _server = TestServer::with(|server| server.auth(Jwt::new(&issuer.url).unwrap())).await;
    let expected = "this does not hold for JWTs, whose issuer is not asked";
    eventually("the lifetime is logged", async || {
        log.of_this_thread().lines().any(|line| line.contains(expected) && line.contains("86460s"))
    })
    .await;
}

/// Maximum difference of the clocks by default, in seconds.
const CLOCK_SKEW: f64 = 30.0;

#[tokio::test]
async fn a_revocation_ends_every_jwt_of_its_user_that_was_issued_before_and_no_other() {
    let issuer = Issuer::start().await;
    let server = TestServer::with(|server| server.auth(Jwt::new(&issuer.url).unwrap())).await;
    let status = async |token: &str| call(&server, token).await.status;
    for revocation in [
        Revocation::User("harriet".to_owned()),
        Revocation::Member { user: "harriet".to_owned(), org: "company".to_owned() },
    ] {
        // The tokens have different digests, because their times differ.
        let cached = issuer.token_of(&server, "1", "harriet", Some(now() + CLOCK_SKEW));
        let unused = issuer.token_of(&server, "1", "harriet", Some(now() + CLOCK_SKEW));
        let undated = issuer.token_of(&server, "1", "harriet", None);
        let other = issuer.token_of(&server, "1", "henry", Some(now() - 60.0));
        for token in [&cached, &other] {
            assert_eq!(status(token).await, 200);
        }
        let runs = server.bodies.runs();
        server.revocations.revoke(&[revocation]).await.unwrap();
        for token in [&cached, &unused, &undated] {
            assert_eq!(status(token).await, 401);
        }
        assert_eq!(server.bodies.runs(), runs, "no body ran");
        assert_eq!(status(&other).await, 200);
        // The clock of the issuer may be fast: a token is newer only if it is newer by the maximum difference.
        let in_doubt = issuer.token_of(&server, "1", "harriet", Some(now() + CLOCK_SKEW / 2.0));
        assert_eq!(status(&in_doubt).await, 401);
        let new = issuer.token_of(&server, "1", "harriet", Some(now() + CLOCK_SKEW));
        assert_eq!(status(&new).await, 200);
    }
}

#[tokio::test]
async fn a_revocation_of_all_or_of_an_organization_ends_the_jwts_of_everybody() {
    let issuer = Issuer::start().await;
    let server = TestServer::with(|server| server.auth(Jwt::new(&issuer.url).unwrap())).await;
    for revocation in [Revocation::All, Revocation::Organization("company".to_owned())] {
        let tokens = ["harriet", "henry"].map(|user| issuer.token_of(&server, "1", user, Some(now() + CLOCK_SKEW)));
        assert_eq!(call(&server, &tokens[0]).await.status, 200);
        server.revocations.revoke(&[revocation]).await.unwrap();
        for token in &tokens {
            assert_eq!(call(&server, token).await.status, 401);
        }
        let new = issuer.token_of(&server, "1", "henry", Some(now() + CLOCK_SKEW));
        assert_eq!(call(&server, &new).await.status, 200);
    }
}
