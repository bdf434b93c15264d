//! Replicas of one server, and the validator that they share.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use serde_json::Value;
use toolgate::{
    Server,
    auth::{BearerToken, Claims, Inactive, Resource, Revocation, TokenValidator, ValidationError, async_trait},
    replication::Replication,
};
use toolgate_tests::{Client, Revision, TestServer, WebhookDelivery, WithWebhooks, eventually};

use crate::{Proxy, RedisServer};

/// The users whose tokens are active. The token of a user is `token-<user>`.
#[derive(Clone, Default)]
pub(crate) struct Users(Arc<Mutex<HashMap<String, Claims>>>);

impl Users {
    /// Adds a user and returns the token.
    pub(crate) fn add(&self, user: &str) -> String {
        let token = format!("token-{user}");
        let mut claims =
            Claims::new().subject(user).scopes(["people:read:public", "reports:create"]).audience_verified();
        claims.raw.insert("email".to_owned(), format!("{user}@example.com").into());
        self.0.lock().unwrap().insert(token.clone(), claims);
        token
    }

    /// Adds a user whose token is self-contained and was issued now, and returns the token. It stays active. Add one before
    /// the replicas start.
    pub(crate) fn add_self_contained(&self, user: &str) -> String {
        let token = self.add(user);
        let mut claims = self.0.lock().unwrap();
        claims.get_mut(&token).unwrap().self_contained_since = Some(SystemTime::now());
        token
    }

    /// Makes the token of a user inactive.
    pub(crate) fn disable(&self, user: &str) {
        self.0.lock().unwrap().remove(&format!("token-{user}"));
    }
}

/// Validator of one replica, which counts its introspections.
#[derive(Clone)]
struct Counting {
    users: Users,
    introspections: Arc<AtomicUsize>,
}

#[async_trait]
impl TokenValidator for Counting {
    async fn validate(&self, token: &BearerToken, _: &Resource) -> Result<Claims, ValidationError> {
        self.introspections.fetch_add(1, Ordering::SeqCst);
        let claims = self.users.0.lock().unwrap().get(token.expose()).cloned();
        claims.ok_or_else(|| Inactive::new("unknown").into())
    }

    fn self_contained_lifetime(&self) -> Option<Duration> {
        let claims = self.users.0.lock().unwrap();
        claims.values().any(|claims| claims.self_contained_since.is_some()).then_some(Duration::from_hours(1))
    }
}

/// A running replica.
pub(crate) struct Replica {
    pub(crate) server: TestServer,
    pub(crate) proxy: Proxy,
    introspections: Arc<AtomicUsize>,
    deliveries: AtomicUsize,
}

impl Replica {
    /// Starts a replica, which may not be connected to Redis yet.
    pub(crate) async fn start(
        redis: &RedisServer,
        users: &Users,
        configure: impl FnOnce(Replication) -> Replication,
    ) -> Self {
        Self::start_with_proxy(Proxy::to(redis).await, users, configure).await
    }

    /// Starts a replica with an existing proxy to Redis.
    pub(crate) async fn start_with_proxy(
        proxy: Proxy,
        users: &Users,
        configure: impl FnOnce(Replication) -> Replication,
    ) -> Self {
        Self::serve(proxy, users, |server, replication| server.replication(configure(replication))).await
    }

    /// Starts a replica whose server the test configures, too.
    pub(crate) async fn serve(
        proxy: Proxy,
        users: &Users,
        configure: impl FnOnce(Server, Replication) -> Server,
    ) -> Self {
        let validator = Counting { users: users.clone(), introspections: Arc::default() };
        let introspections = Arc::clone(&validator.introspections);
        let server = TestServer::with(|server| {
            // Clients see all replicas as one server.
            let server = server
                .server_url("https://company.example.com")
                .http(|http| http.allowed_hosts.push("127.0.0.1".to_owned()))
                .auth(WithWebhooks::new(validator));
            configure(server, Replication::redis(proxy.url.clone()))
        })
        .await;
        Self { server, proxy, introspections, deliveries: AtomicUsize::new(0) }
    }

    /// Starts replicas and waits until all are connected.
    pub(crate) async fn several(count: usize, redis: &RedisServer, users: &Users) -> Vec<Self> {
        Self::several_with(count, redis, users, |replication| replication).await
    }

    /// Starts replicas like [`Replica::several`], configured by the test.
    pub(crate) async fn several_with(
        count: usize,
        redis: &RedisServer,
        users: &Users,
        configure: impl Fn(Replication) -> Replication,
    ) -> Vec<Self> {
        let mut replicas = Vec::new();
        for _ in 0..count {
            let replica = Self::start(redis, users, &configure).await;
            replica.wait_until_connected().await;
            replicas.push(replica);
        }
        replicas
    }

    /// Waits until the replica can publish revocations.
    pub(crate) async fn wait_until_connected(&self) {
        eventually("the replica acknowledges webhooks", async || self.disabled("unknown").await == 204).await;
    }

    /// Creates a client with a token.
    pub(crate) fn client(&self, token: &str) -> Client {
        Client::new(&format!("{}/mcp", self.server.url), Revision::Modern).token(token)
    }

    /// Returns whether the replica accepts a token.
    pub(crate) async fn accepts(&self, token: &str) -> bool {
        match self.client(token).list().await.status {
            200 => true,
            401 => false,
            status => panic!("unexpected status {status}"),
        }
    }

    /// Ends the access of a user at all replicas.
    pub(crate) async fn revoke(&self, user: &str) {
        self.server.revocations.revoke(&[Revocation::User(user.to_owned())]).await.unwrap();
    }

    /// Returns how many introspections the replica has sent.
    pub(crate) fn introspections(&self) -> usize {
        self.introspections.load(Ordering::SeqCst)
    }

    /// Delivers `user.disabled` and returns the status.
    pub(crate) async fn disabled(&self, user: &str) -> u16 {
        let delivery = self.deliveries.fetch_add(1, Ordering::SeqCst);
        WebhookDelivery::user_disabled(&self.server.url, format!("msg_{delivery}"), user).send().await.status
    }

    /// Delivers an event and returns the status.
    pub(crate) async fn deliver(&self, id: &str, event: &Value) -> u16 {
        WebhookDelivery::new(&self.server.url, id, event).send().await.status
    }
}
