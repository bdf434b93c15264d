//! Replicas of one server, and the authorization server that all of them ask.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::UNIX_EPOCH,
};

use serde_json::{Value, json};
use standardwebhooks::Webhook;
use toolgate::{
    Server,
    auth::{BearerToken, Claims, TokenValidator, ValidationError, async_trait},
    replicas::Replicas,
};
use toolgate_tests::{Client, Reply, Revision, TestServer, http};

use crate::{Proxy, RedisServer, wait_until};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Whose tokens are active: `token-<user>` is that user's.
#[derive(Clone, Default)]
pub(crate) struct People(Arc<Mutex<HashMap<String, Claims>>>);

impl People {
    pub(crate) fn add(&self, user: &str) -> String {
        let token = format!("token-{user}");
        let mut claims = Claims::new().subject(user).scopes(["people:read:public"]).audience_verified();
        claims.raw.insert("email".to_owned(), format!("{user}@example.com").into());
        self.0.lock().unwrap().insert(token.clone(), claims);
        token
    }

    pub(crate) fn disable(&self, user: &str) {
        self.0.lock().unwrap().remove(&format!("token-{user}"));
    }
}

/// Counts what one replica asks.
#[derive(Clone)]
struct Counting {
    people: People,
    asked: Arc<AtomicUsize>,
}

#[async_trait]
impl TokenValidator for Counting {
    async fn validate(&self, token: &BearerToken) -> Result<Claims, ValidationError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let known = self.people.0.lock().unwrap().get(token.expose()).cloned();
        known.ok_or(ValidationError::Inactive)
    }
}

pub(crate) struct Replica {
    pub(crate) server: TestServer,
    pub(crate) proxy: Proxy,
    asked: Arc<AtomicUsize>,
    messages: AtomicUsize,
}

impl Replica {
    /// Not necessarily listening yet.
    pub(crate) async fn start(
        redis: &RedisServer,
        people: &People,
        replicas: impl FnOnce(Replicas) -> Replicas,
    ) -> Self {
        Self::behind(Proxy::to(redis).await, people, replicas).await
    }

    /// The same by a way to Redis that is there already.
    pub(crate) async fn behind(proxy: Proxy, people: &People, replicas: impl FnOnce(Replicas) -> Replicas) -> Self {
        let validator = Counting { people: people.clone(), asked: Arc::default() };
        let asked = Arc::clone(&validator.asked);
        let listener = TestServer::listener().await;
        let address = listener.local_addr().unwrap();
        let configure = |server: Server| {
            // To clients, all of them are one server.
            server
                .server_url("https://company.example.com")
                .allow_host(address.ip().to_string())
                .auth(validator)
                .webhook_secret(SECRET)
                .replicas(replicas(Replicas::redis(proxy.url.clone())))
        };
        let server = TestServer::on(listener, configure).await;
        Self { server, proxy, asked, messages: AtomicUsize::new(0) }
    }

    /// So many of them, all listening.
    pub(crate) async fn several(count: usize, redis: &RedisServer, people: &People) -> Vec<Self> {
        let mut all = Vec::new();
        for _ in 0..count {
            let replica = Self::start(redis, people, |replicas| replicas).await;
            replica.listens().await;
            all.push(replica);
        }
        all
    }

    /// Waits until it can tell the others of a revocation.
    pub(crate) async fn listens(&self) {
        wait_until("the replica acknowledges webhooks", async || self.disabled("nobody").await == 204).await;
    }

    /// The status of a request with this token.
    pub(crate) async fn status(&self, token: &str) -> u16 {
        self.client(token).list().await.status
    }

    pub(crate) async fn accepts(&self, token: &str) -> bool {
        match self.status(token).await {
            200 => true,
            401 => false,
            status => panic!("{status}"),
        }
    }

    fn client(&self, token: &str) -> Client {
        Client::new(&format!("{}/mcp", self.server.base), Revision::Modern).token(token)
    }

    /// How many questions it asked.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// The status with which it takes the webhook about a user who was disabled.
    pub(crate) async fn disabled(&self, user: &str) -> u16 {
        let message = self.messages.fetch_add(1, Ordering::SeqCst);
        self.deliver(&format!("msg_{message}"), &json!({ "event_type": "user.disabled", "user_id": user })).await
    }

    pub(crate) async fn deliver(&self, id: &str, event: &Value) -> u16 {
        let body = event.to_string();
        let time = i64::try_from(UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap();
        let signature = Webhook::new(SECRET).unwrap().sign(id, time, body.as_bytes()).unwrap();
        let request = http()
            .post(format!("{}/webhooks/propelauth", self.server.base))
            .header("svix-id", id)
            .header("svix-timestamp", time)
            .header("svix-signature", signature)
            .body(body);
        Reply::to(request).await.status
    }
}
