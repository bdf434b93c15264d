//! Subscriptions: who is notified of a change of access, and how a stream continues or ends with the access of its
//! caller.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::Value;
use toolgate::{
    Notifications,
    auth::{
        BearerToken, Claims, Inactive, Resource, Revocation, TokenValidator, Unavailable, ValidationError,
        async_trait,
    },
    prelude::*,
};
use toolgate_tests::{
    EventStream, Revision, TestServer, WEBHOOK_SECRET, WebhookDelivery, eventually, propel_auth, start_tenant_with,
    token_for,
};

static SHELF: Scopes = Scopes::new(&["shelf:read", "shelf:write"]);

fn not_the_secret(book: &str) -> Result<(), Denied> {
    if book == "secret" { Err(Denied::new("it is secret")) } else { Ok(()) }
}

/// A book.
#[resource(uri = "shelf://books/{book}", scopes = "shelf:read", guard = not_the_secret(&book), scopes_in = SHELF)]
async fn book(book: String) -> String {
    book
}

/// The catalogue.
#[resource(uri = "shelf://catalogue", scopes = "shelf:write", scopes_in = SHELF)]
async fn catalogue() -> &'static str {
    "everything"
}

/// Replace a book.
#[tool(scopes = "shelf:write", scopes_in = SHELF)]
async fn replace(book: String, notifications: &Notifications) {
    notifications.resource_updated(format!("shelf://books/{book}"));
}

const TOOLS: &str = "notifications/tools/list_changed";

fn tools() -> Value {
    json!({ "toolsListChanged": true })
}

/// The scopes of each token, which can change. A token without an entry is inactive.
#[derive(Clone, Debug, Default)]
struct Directory(Arc<DirectoryState>);

#[derive(Debug, Default)]
struct DirectoryState {
    scopes: Mutex<BTreeMap<String, Vec<&'static str>>>,
    is_down: AtomicBool,
    validations: AtomicUsize,
    /// Number of validations at this moment.
    concurrent: AtomicUsize,
    /// Maximum number of validations at the same moment.
    most_concurrent: AtomicUsize,
}

impl Directory {
    fn set(&self, user: &str, scopes: &[&'static str]) {
        self.0.scopes.lock().unwrap().insert(user.to_owned(), scopes.to_vec());
    }

    fn remove(&self, user: &str) {
        self.0.scopes.lock().unwrap().remove(user);
    }

    fn validations(&self) -> usize {
        self.0.validations.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl TokenValidator for Directory {
    async fn validate(&self, token: &BearerToken, _: &Resource) -> Result<Claims, ValidationError> {
        self.0.validations.fetch_add(1, Ordering::Relaxed);
        let concurrent = self.0.concurrent.fetch_add(1, Ordering::Relaxed) + 1;
        self.0.most_concurrent.fetch_max(concurrent, Ordering::Relaxed);
        // The other validations begin before this one ends.
        tokio::task::yield_now().await;
        self.0.concurrent.fetch_sub(1, Ordering::Relaxed);
        if self.0.is_down.load(Ordering::Relaxed) {
            return Err(Unavailable::new("the directory is down").into());
        }
        let scopes =
            self.0.scopes.lock().unwrap().get(token.expose()).cloned().ok_or_else(|| Inactive::new("unknown"))?;
        Ok(Claims::new().subject(token.expose()).scopes(scopes).audience_verified())
    }

    fn reports_revocations(&self) -> bool {
        true
    }
}

/// A server whose tokens are those of a directory.
struct Fixture {
    server: TestServer,
    directory: Directory,
    notifications: Notifications,
    revocations: toolgate::auth::Revocations,
}

impl Fixture {
    async fn with(configure: impl FnOnce(Server) -> Server) -> Self {
        let directory = Directory::default();
        for (user, scopes) in [("ann", &["files:read"][..]), ("bob", &["files:read"]), ("carol", &["reports:read"])] {
            directory.set(user, scopes);
        }
        let (auth, mut notifications) = (directory.clone(), None);
        let server = TestServer::with(|server| {
            notifications = Some(server.notifications());
            configure(server.auth(auth))
        })
        .await;
        let revocations = server.revocations.clone();
        Self { server, directory, notifications: notifications.unwrap(), revocations }
    }

    async fn start() -> Self {
        Self::with(|server| server).await
    }

    /// Opens an acknowledged subscription to the list of tools.
    async fn listen(&self, user: &str) -> EventStream {
        let client = self.server.client_with(user, Revision::Modern);
        let mut stream = EventStream::listen(&client, tools()).await;
        assert_eq!(stream.acknowledged().await, tools());
        stream
    }

    async fn revoke(&self, user: &str) {
        self.revocations.revoke(&[Revocation::User(user.to_owned())]).await.unwrap();
    }

    /// Ends all subscriptions, and asserts that none of the streams has another message.
    async fn assert_silent(&self, streams: impl IntoIterator<Item = &mut EventStream>) {
        self.notifications.end_subscriptions();
        for stream in streams {
            let result = stream.next().await.expect("the result");
            assert_eq!(result["result"]["resultType"], "complete", "{result}");
            assert_eq!(result["result"]["_meta"]["io.modelcontextprotocol/subscriptionId"], 1);
            assert_eq!(stream.next().await, None);
        }
    }
}

#[tokio::test]
async fn u3_a_changed_role_is_told_to_the_streams_of_its_caller_only() {
    let fixture = Fixture::start().await;
    let (mut ann, mut other_ann, mut bob) =
        (fixture.listen("ann").await, fixture.listen("ann").await, fixture.listen("bob").await);
    for scopes in [&["files:write", "reports:read"][..], &[], &["people:read:public", "reports:read"]] {
        fixture.directory.set("ann", scopes);
        fixture.revoke("ann").await;
        assert_eq!((ann.next_method().await, other_ann.next_method().await), (TOOLS.to_owned(), TOOLS.to_owned()));
    }
    fixture.assert_silent([&mut ann, &mut other_ann, &mut bob]).await;
}

#[tokio::test]
async fn u3_a_changed_role_with_the_same_list_is_told_to_nobody() {
    let fixture = Fixture::start().await;
    let mut ann = fixture.listen("ann").await;
    let validations = fixture.directory.validations();
    // No tool needs this scope alone.
    fixture.directory.set("ann", &["files:read", "of:another:server"]);
    fixture.revoke("ann").await;
    eventually("the token is validated again", async || fixture.directory.validations() > validations).await;
    assert_eq!(fixture.server.client_with("ann", Revision::Modern).list().await.status, 200);
    fixture.assert_silent([&mut ann]).await;
}

#[tokio::test]
async fn u3_a_stream_ends_without_another_message_when_the_token_is_inactive() {
    let fixture = Fixture::start().await;
    let (mut ann, mut bob) = (fixture.listen("ann").await, fixture.listen("bob").await);
    fixture.directory.remove("ann");
    fixture.revoke("ann").await;
    assert_eq!(ann.next().await, None);
    fixture.assert_silent([&mut bob]).await;
}

#[tokio::test]
async fn u3_a_stream_ends_when_its_token_cannot_be_validated() {
    let fixture = Fixture::start().await;
    let (mut ann, mut bob) = (fixture.listen("ann").await, fixture.listen("bob").await);
    fixture.directory.0.is_down.store(true, Ordering::Relaxed);
    fixture.revoke("ann").await;
    assert_eq!(ann.next().await, None);
    fixture.assert_silent([&mut bob]).await;
}

#[tokio::test]
async fn u3_a_changed_role_is_noticed_without_a_revocation_when_the_cached_response_expires() {
    let fixture =
        Fixture::with(|server| server.token_cache(|cache| cache.ttl = Some(Duration::from_millis(10)))).await;
    let (mut ann, mut bob) = (fixture.listen("ann").await, fixture.listen("bob").await);
    fixture.directory.set("ann", &[]);
    fixture.directory.remove("bob");
    assert_eq!(ann.next_method().await, TOOLS);
    assert_eq!(bob.next().await, None);
    fixture.assert_silent([&mut ann]).await;
}

#[tokio::test]
async fn u3_a_kill_switch_is_told_to_those_who_had_the_tool() {
    let is_stopped = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&is_stopped);
    let fixture = Fixture::with(move |server| {
        server.deny(move |tool| tool.name.starts_with("file_") && stopped.load(Ordering::Relaxed))
    })
    .await;
    let (mut ann, mut bob, mut carol) =
        (fixture.listen("ann").await, fixture.listen("bob").await, fixture.listen("carol").await);
    for stopped in [true, false, true] {
        is_stopped.store(stopped, Ordering::Relaxed);
        fixture.notifications.access_changed();
        assert_eq!((ann.next_method().await, bob.next_method().await), (TOOLS.to_owned(), TOOLS.to_owned()));
    }
    fixture.assert_silent([&mut ann, &mut bob, &mut carol]).await;
}

#[tokio::test]
async fn a_changed_rule_is_noticed_without_a_report() {
    let is_stopped = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&is_stopped);
    let fixture = Fixture::with(move |server| {
        let server = server.subscriptions(|config| config.check_interval = Duration::from_millis(1));
        server.deny(move |_| stopped.load(Ordering::Relaxed))
    })
    .await;
    let mut ann = fixture.listen("ann").await;
    is_stopped.store(true, Ordering::Relaxed);
    assert_eq!(ann.next_method().await, TOOLS);
}

#[tokio::test]
async fn a_subscription_that_did_not_ask_for_lists_hears_of_none() {
    let fixture = Fixture::start().await;
    let client = fixture.server.client_with("ann", Revision::Modern);
    let mut streams = Vec::new();
    for filter in [json!({}), json!({ "toolsListChanged": false }), json!({ "promptsListChanged": true })] {
        let mut stream = EventStream::listen(&client, filter).await;
        assert_eq!(stream.acknowledged().await, json!({}), "the server has no prompts");
        streams.push(stream);
    }
    let mut listening = fixture.listen("ann").await;
    fixture.directory.set("ann", &[]);
    fixture.revoke("ann").await;
    assert_eq!(listening.next_method().await, TOOLS);
    fixture.assert_silent(&mut streams).await;
}

async fn shelf() -> Fixture {
    Fixture::with(|server| server.add_from(&SHELF)).await
}

fn resources(uris: &[&str]) -> Value {
    json!({ "resourceSubscriptions": uris })
}

#[tokio::test]
async fn u1_a_resource_that_the_caller_may_not_read_is_acknowledged_as_an_unknown_one() {
    let fixture = shelf().await;
    fixture.directory.set("ann", &["shelf:read"]);
    let client = fixture.server.client_with("ann", Revision::Modern);
    for uri in ["shelf://catalogue", "shelf://unknown", "shelf://books/secret", "shelf://books/../catalogue"] {
        let mut stream = EventStream::listen(&client, resources(&[uri, "shelf://books/1"])).await;
        assert_eq!(stream.acknowledged().await, resources(&["shelf://books/1"]), "{uri}");
        let mut stream = EventStream::listen(&client, resources(&[uri])).await;
        assert_eq!(stream.acknowledged().await, json!({}), "{uri}");
        fixture.notifications.resource_updated(uri);
        assert_eq!(EventStream::listen(&client, json!({})).await.acknowledged().await, json!({}));
    }
}

#[tokio::test]
async fn u3_an_updated_resource_is_told_to_those_who_may_read_it_now() {
    let fixture = shelf().await;
    let uris = resources(&["shelf://books/1", "shelf://books/2"]);
    let mut streams = Vec::new();
    for user in ["ann", "bob"] {
        fixture.directory.set(user, &["shelf:read"]);
        let mut stream = EventStream::listen(&fixture.server.client_with(user, Revision::Modern), uris.clone()).await;
        assert_eq!(stream.acknowledged().await, uris);
        streams.push(stream);
    }
    let [mut ann, mut bob] = streams.try_into().unwrap();
    fixture.directory.set("carol", &["shelf:write"]);
    let carol = fixture.server.client_with("carol", Revision::Modern);
    let updated = async |stream: &mut EventStream| stream.next().await.unwrap()["params"]["uri"].clone();
    for book in ["3", "1"] {
        assert!(carol.call("replace", json!({ "book": book })).await.is_success());
    }
    assert_eq!(
        (updated(&mut ann).await, updated(&mut bob).await),
        (json!("shelf://books/1"), json!("shelf://books/1"))
    );

    fixture.directory.set("bob", &[]);
    fixture.revoke("bob").await;
    fixture.notifications.resource_updated("shelf://books/2");
    assert_eq!(updated(&mut ann).await, "shelf://books/2");
    fixture.directory.set("bob", &["shelf:read"]);
    fixture.revoke("bob").await;
    fixture.notifications.resource_updated("shelf://books/1");
    assert_eq!(updated(&mut bob).await, "shelf://books/1", "the other update was not for bob");
    assert_eq!(updated(&mut ann).await, "shelf://books/1");
    fixture.assert_silent([&mut ann, &mut bob]).await;
}

#[tokio::test]
async fn updates_that_a_client_has_not_read_become_one() {
    let fixture = shelf().await;
    fixture.directory.set("ann", &["shelf:read"]);
    let client = fixture.server.client_with("ann", Revision::Modern);
    let uris = resources(&["shelf://books/1", "shelf://books/2"]);
    let mut ann = EventStream::listen(&client, uris).await;
    ann.acknowledged().await;
    for _ in 0..1000 {
        // The stream cannot send in between: the test does not wait.
        fixture.notifications.resource_updated("shelf://books/1");
    }
    fixture.notifications.resource_updated("shelf://books/2");
    for uri in ["shelf://books/1", "shelf://books/2"] {
        assert_eq!(ann.next().await.unwrap()["params"]["uri"], uri);
    }
    fixture.assert_silent([&mut ann]).await;
}

#[tokio::test]
async fn a_webhook_of_the_authorization_server_reaches_the_stream() {
    let tenant = start_tenant_with(|tenant| tenant).await;
    let auth = propel_auth(&tenant).webhook_secret(WEBHOOK_SECRET).unwrap();
    let server = TestServer::with(|server| server.auth(auth)).await;
    let listen = async |role| {
        let client = server.client_with(&token_for(&tenant, role, &server.endpoint), Revision::Modern);
        let mut stream = EventStream::listen(&client, tools()).await;
        stream.acknowledged().await;
        stream
    };
    let (mut harriet, mut sanna) = (listen("HR").await, listen("Support").await);
    let id = tenant.person_of_role("HR").unwrap().id;
    let org = tenant.config().organization().id.clone();
    tenant.set_role(&id, "Support").unwrap();
    let event = json!({ "event_type": "user.role_changed_within_org", "user_id": id, "org_id": org });
    assert_eq!(WebhookDelivery::new(&server.url, "msg_1", &event).send().await.status, 204);
    assert_eq!(harriet.next_method().await, TOOLS);
    tenant.disable_person(&id).unwrap();
    assert_eq!(WebhookDelivery::user_disabled(&server.url, "msg_2", &id).send().await.status, 204);
    assert_eq!(harriet.next().await, None, "the token is inactive");
    tenant.disable_person(&tenant.person_of_role("Support").unwrap().id).unwrap();
    let event = json!({ "event_type": "org.deleted", "org_id": org });
    assert_eq!(WebhookDelivery::new(&server.url, "msg_3", &event).send().await.status, 204);
    assert_eq!(sanna.next().await, None);
}

#[tokio::test]
async fn a_revocation_of_all_tokens_validates_those_of_streams_sixteen_at_a_time() {
    let fixture = Fixture::start().await;
    let mut streams = Vec::new();
    for user in 0..40 {
        let user = user.to_string();
        fixture.directory.set(&user, &["files:read"]);
        streams.push(fixture.listen(&user).await);
        fixture.directory.set(&user, &[]);
    }
    fixture.directory.0.most_concurrent.store(0, Ordering::Relaxed);
    fixture.revocations.revoke(&[Revocation::All]).await.unwrap();
    for stream in &mut streams {
        assert_eq!(stream.next_method().await, TOOLS);
    }
    assert_eq!(fixture.directory.0.most_concurrent.load(Ordering::Relaxed), 16);
    fixture.assert_silent(&mut streams).await;
}
