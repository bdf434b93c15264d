//! Requests with invented tokens take nothing from callers whose tokens are known.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use tokio::{sync::Semaphore, task::JoinSet};
use toolgate::{
    Server,
    auth::{BearerToken, Claims, Inactive, Resource, TokenValidator, ValidationError, async_trait},
};
use toolgate_tests::{HttpResponse, RawRequest, Revision, TestServer, eventually};

use crate::AnyToken;

/// Validator that takes long for invented tokens: until permits are added.
#[derive(Clone)]
struct Slow {
    release: Arc<Semaphore>,
    /// Each validation of an invented token adds a permit.
    started: Arc<Semaphore>,
}

impl Slow {
    fn new() -> Self {
        Self { release: Arc::new(Semaphore::new(0)), started: Arc::new(Semaphore::new(0)) }
    }

    async fn wait_for_start(&self, validations: usize) {
        eventually("the tokens are being validated", async || self.started.available_permits() == validations).await;
    }
}

#[async_trait]
impl TokenValidator for Slow {
    async fn validate(&self, token: &BearerToken, resource: &Resource) -> Result<Claims, ValidationError> {
        if !token.expose().starts_with("invented") {
            return AnyToken.validate(token, resource).await;
        }
        self.started.add_permits(1);
        self.release.acquire().await.expect("the semaphore is not closed").forget();
        Err(Inactive::new("unknown").into())
    }
}

async fn start(slow: &Slow, configure: impl FnOnce(Server) -> Server) -> TestServer {
    let server =
        |server: Server| server.auth(slow.clone()).http(|http| http.trusted_proxies = vec!["127.0.0.0/8".to_owned()]);
    TestServer::with(|builder| configure(server(builder))).await
}

/// Sends a call as a client with this address behind a trusted proxy.
async fn call(server: &TestServer, address: &str, token: &str) -> HttpResponse {
    let body = Revision::Legacy.call_message("request_info", &json!({})).to_string();
    let request = RawRequest::mcp(Revision::Legacy).token(token).header("X-Forwarded-For", address).body(body);
    request.send(server.address).await
}

/// Sends calls with invented tokens, each over a connection of its own.
fn spawn_invented(server: &TestServer, address: &'static str, calls: usize) -> JoinSet<u16> {
    let body = Revision::Legacy.call_message("request_info", &json!({})).to_string();
    let request = RawRequest::mcp(Revision::Legacy).header("X-Forwarded-For", address).body(body);
    let mut statuses = JoinSet::new();
    for i in 0..calls {
        let (request, server) = (request.clone().token(&format!("invented-{address}-{i}")), server.address);
        statuses.spawn(async move { request.send(server).await.status });
    }
    statuses
}

#[tokio::test]
async fn a_cached_token_is_never_rejected_for_what_strangers_do() {
    const STRANGERS: usize = 100;
    let slow = Slow::new();
    let server = start(&slow, |server| server.limits(|limits| limits.max_unknown_tokens = 16)).await;
    assert!(call(&server, "203.0.113.9", "ann").await.is_success());
    let mut strangers = spawn_invented(&server, "203.0.113.1", STRANGERS);
    slow.wait_for_start(8).await;
    // The stranger has half of the pool; the rest of its requests have been rejected.
    for _ in 0..STRANGERS - 8 {
        assert_eq!(strangers.join_next().await.unwrap().unwrap(), 429);
    }
    for address in ["203.0.113.1", "203.0.113.9"] {
        for _ in 0..50 {
            assert!(call(&server, address, "ann").await.is_success());
        }
    }
    assert!(call(&server, "203.0.113.9", "bob").await.is_success(), "a new token of another address");
    assert_eq!(call(&server, "203.0.113.1", "carol").await.status, 429, "the stranger's address has its share");
    slow.release.add_permits(STRANGERS);
    while let Some(status) = strangers.join_next().await {
        assert_eq!(status.unwrap(), 401);
    }
    assert!(call(&server, "203.0.113.1", "carol").await.is_success());
}

#[tokio::test]
async fn a_known_token_is_validated_again_while_strangers_occupy_the_authorization_server() {
    let slow = Slow::new();
    // Every cached response is outdated at its next use.
    let server = start(&slow, |server| server.token_cache(|cache| cache.ttl = Some(Duration::from_nanos(1)))).await;
    assert!(call(&server, "203.0.113.9", "ann").await.is_success());
    let strangers: Vec<_> =
        ["203.0.113.1", "203.0.113.2", "203.0.113.3"].map(|address| spawn_invented(&server, address, 40)).into();
    // 32 validations for each address, and 64 in total.
    slow.wait_for_start(64).await;
    for _ in 0..50 {
        assert!(call(&server, "203.0.113.9", "ann").await.is_success());
    }
    drop(strangers);
}
