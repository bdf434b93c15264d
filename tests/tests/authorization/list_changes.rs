//! Property: for any policies, callers and changes of access, a client is notified exactly if its own list has changed, and
//! of exactly the updated resources that it may read.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use proptest::{collection::btree_set, collection::vec, prelude::*, sample::select, test_runner::TestCaseResult};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use toolgate::{
    Notifications,
    auth::{BearerToken, Claims, Resource, Revocation, Revocations, TokenValidator, ValidationError, async_trait},
    prelude::*,
};
use toolgate_tests::{EventStream, Revision, TestServer};

/// `all` implies `a` and `b`.
static CHANGES: Scopes = Scopes::new(&["a", "all", "b", "c", "d"]).implies("all", &["a", "b"]);

const USERS: [&str; 4] = ["ann", "bob", "carol", "dan"];

/// What rules read. The test changes it.
#[derive(Clone, Debug, Default)]
struct World(Arc<WorldState>);

#[derive(Debug, Default)]
struct WorldState {
    on_duty: Mutex<BTreeSet<&'static str>>,
    disabled: Mutex<BTreeSet<&'static str>>,
    /// Scopes and role of each user.
    claims: Mutex<BTreeMap<&'static str, (BTreeSet<&'static str>, &'static str)>>,
    /// Whether the user `sentinel` sees a tool.
    signal: AtomicBool,
}

fn is_on_duty(caller: &Caller, world: &World) -> bool {
    caller.user_id().is_some_and(|user| world.0.on_duty.lock().unwrap().contains(user))
}

fn is_signalled(caller: &Caller, world: &World) -> bool {
    caller.user_id() == Some("sentinel") && world.0.signal.load(Ordering::Relaxed)
}

fn only_on_duty(caller: &Caller, world: &World) -> Result<(), Denied> {
    if is_on_duty(caller, world) { Ok(()) } else { Err(Denied::new("not on duty")) }
}

macro_rules! operations {
    ($($(#[$attribute:meta])* $name:ident($($parameter:ident: $type:ty),*);)*) => {$(
        /// An operation of the test.
        $(#[$attribute])*
        async fn $name($($parameter: $type),*) -> &'static str {
            $(let _ = $parameter;)*
            "done"
        }
    )*};
}

operations! {
    #[tool(scopes = "a", scopes_in = CHANGES)]
    tool_a();
    #[tool(any_scope("b", "c"), scopes_in = CHANGES)]
    tool_b_or_c();
    #[tool(authenticated, org_role("Owner"), scopes_in = CHANGES)]
    tool_of_owners();
    #[tool(scopes = "a", visible_to = is_on_duty(caller, world), scopes_in = CHANGES)]
    tool_on_duty(world: &World);
    #[tool(authenticated, visible_to = is_signalled(caller, world), scopes_in = CHANGES)]
    signal(world: &World);
    #[prompt(scopes = "b", scopes_in = CHANGES)]
    prompt_b();
    #[prompt(authenticated, visible_to = is_on_duty(caller, world), scopes_in = CHANGES)]
    prompt_on_duty(world: &World);
    #[resource(uri = "list://c", scopes = "c", scopes_in = CHANGES)]
    resource_c();
    #[resource(uri = "list://duty", scopes = "a", visible_to = is_on_duty(caller, world), scopes_in = CHANGES)]
    resource_on_duty(world: &World);
    #[resource(uri = "list://guarded", scopes = "a", guard = only_on_duty(caller, world), scopes_in = CHANGES)]
    resource_guarded(caller: &Caller, world: &World);
    #[resource(uri = "list://z/marker", authenticated, scopes_in = CHANGES)]
    marker();
}

/// An item.
#[resource(uri = "list://items/{id}", scopes = "d", scopes_in = CHANGES)]
async fn item(id: u32) -> String {
    id.to_string()
}

/// Resources that every client subscribes to. The marker is the last of those that a client is notified of.
const URIS: [&str; 7] =
    ["list://c", "list://duty", "list://guarded", "list://items/7", "list://items/x", "list://unknown", MARKER];
const MARKER: &str = "list://z/marker";

#[async_trait]
impl TokenValidator for World {
    async fn validate(&self, token: &BearerToken, _: &Resource) -> Result<Claims, ValidationError> {
        let claims = Claims::new().subject(token.expose()).audience_verified();
        match self.0.claims.lock().unwrap().get(token.expose()) {
            Some((scopes, role)) => Ok(claims.scopes(scopes.iter().copied()).organization("org-1", *role)),
            None => Ok(claims.organization("org-1", "Member")),
        }
    }

    fn reports_revocations(&self) -> bool {
        true
    }
}

#[derive(Clone, Debug)]
enum Change {
    Claims(&'static str, BTreeSet<&'static str>, &'static str),
    /// A revocation after which the claims are the same.
    Revoked(&'static str),
    RevokedAll,
    OnDuty(BTreeSet<&'static str>),
    Disabled(BTreeSet<&'static str>),
    Nothing,
}

struct Fixture {
    runtime: Runtime,
    server: TestServer,
    world: World,
    notifications: Notifications,
    revocations: Revocations,
}

/// The lists of a user by the notification that reports their change.
type Lists = BTreeMap<&'static str, Vec<Value>>;

impl Fixture {
    fn new(lists_acquirable: bool) -> Self {
        // One thread: a pass over all subscriptions is complete before a stream sends what it found.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let world = World::default();
        let disabled = world.clone();
        let mut notifications = None;
        let server = runtime.block_on(TestServer::serve(|url| {
            let server = Server::new("changes", &CHANGES).server_url(url).skip_preflight().auth(world.clone());
            notifications = Some(server.notifications());
            server
                .state(world.clone())
                .operations(|operations| operations.list_acquirable = lists_acquirable)
                .limits(|limits| limits.max_streams_per_caller = 1000)
                .deny(move |operation| disabled.0.disabled.lock().unwrap().contains(operation.name.as_str()))
        }));
        let revocations = server.revocations.clone();
        Self { runtime, server, world, notifications: notifications.unwrap(), revocations }
    }

    async fn lists(&self, user: &str) -> Lists {
        let client = self.server.client_with(user, Revision::Legacy);
        let mut lists = Lists::new();
        for (notification, method, member) in [
            ("notifications/tools/list_changed", "tools/list", "tools"),
            ("notifications/prompts/list_changed", "prompts/list", "prompts"),
            ("notifications/resources/list_changed", "resources/list", "resources"),
            ("notifications/resources/list_changed", "resources/templates/list", "resourceTemplates"),
        ] {
            let response = client.send_method(method, json!({})).await;
            lists.entry(notification).or_default().push(response.result()[member].clone());
        }
        lists
    }

    /// Returns the resources that a user may read.
    async fn readable(&self, user: &str) -> BTreeSet<&'static str> {
        let client = self.server.client_with(user, Revision::Legacy);
        let mut readable = BTreeSet::new();
        for uri in URIS {
            let response = client.send_method("resources/read", json!({ "uri": uri })).await;
            if response.status == 200 && response.json()["result"].is_object() {
                readable.insert(uri);
            }
        }
        readable
    }

    async fn listen(&self, user: &str) -> (EventStream, BTreeSet<String>) {
        let client = self.server.client_with(user, Revision::Modern);
        let filter = json!({
            "toolsListChanged": true, "promptsListChanged": true, "resourcesListChanged": true,
            "resourceSubscriptions": URIS,
        });
        let mut stream = EventStream::listen(&client, filter).await;
        let accepted = stream.acknowledged().await["resourceSubscriptions"].clone();
        (stream, serde_json::from_value(accepted).unwrap())
    }

    async fn apply(&self, change: &Change) {
        let world = &self.world.0;
        let revoked = match change {
            Change::Claims(user, scopes, role) => {
                world.claims.lock().unwrap().insert(user, (scopes.clone(), role));
                Some(Revocation::User((*user).to_owned()))
            }
            Change::Revoked(user) => Some(Revocation::User((*user).to_owned())),
            Change::RevokedAll => Some(Revocation::All),
            Change::OnDuty(users) => {
                world.on_duty.lock().unwrap().clone_from(users);
                None
            }
            Change::Disabled(names) => {
                world.disabled.lock().unwrap().clone_from(names);
                None
            }
            Change::Nothing => None,
        };
        self.revocations.revoke(revoked.as_slice()).await.unwrap();
        self.notifications.access_changed();
    }

    async fn check(&self, changes: &[Change]) -> TestCaseResult {
        let (mut sentinel, _) = self.listen("sentinel").await;
        let mut streams = Vec::new();
        for user in USERS {
            let (stream, accepted) = self.listen(user).await;
            let readable = self.readable(user).await;
            prop_assert_eq!(
                accepted,
                readable.iter().map(|&uri| uri.to_owned()).collect::<BTreeSet<_>>(),
                "{}",
                user
            );
            streams.push((user, stream, readable, self.lists(user).await));
        }
        for change in changes {
            self.world.0.signal.fetch_not(Ordering::Relaxed);
            self.apply(change).await;
            // All streams whose access is current have been evaluated when one has been notified. All other streams are
            // evaluated when their access is renewed, and they are notified of nothing before.
            let signalled = sentinel.next_method().await;
            prop_assert_eq!(signalled, "notifications/tools/list_changed");
            for uri in URIS {
                self.notifications.resource_updated(uri);
            }
            for (user, stream, accepted, before) in &mut streams {
                let (mut notified, mut updated) = (Vec::new(), BTreeSet::new());
                while !updated.contains(MARKER) {
                    let message = stream.next().await.unwrap();
                    match message["params"]["uri"].as_str() {
                        Some(uri) => prop_assert!(updated.insert(uri.to_owned()), "{}", message),
                        None => notified.push(message["method"].as_str().unwrap().to_owned()),
                    }
                }
                let (after, readable) = (self.lists(user).await, self.readable(user).await);
                let expected: Vec<_> = before.keys().filter(|kind| before[*kind] != after[*kind]).copied().collect();
                notified.sort_unstable();
                prop_assert_eq!(notified, expected, "{} after {:?}", user, change);
                let expected = accepted.intersection(&readable).map(|&uri| uri.to_owned()).collect();
                prop_assert_eq!(updated, expected, "{} after {:?}", user, change);
                *before = after;
            }
            // The sentinel is notified of the resources, too.
            while sentinel.next().await.unwrap()["params"]["uri"] != MARKER {}
        }
        Ok(())
    }
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let user = || select(&USERS[..]);
    let scopes = btree_set(select(CHANGES.names()), 0..4);
    let names = vec![
        "tool_a",
        "tool_b_or_c",
        "tool_on_duty",
        "prompt_b",
        "prompt_on_duty",
        "list://c",
        "list://duty",
        "list://items/{id}",
    ];
    let change = prop_oneof![
        6 => (user(), scopes, select(vec!["Owner", "Member"])).prop_map(|(user, scopes, role)| Change::Claims(user, scopes, role)),
        1 => user().prop_map(Change::Revoked),
        1 => Just(Change::RevokedAll),
        3 => btree_set(user(), 0..4).prop_map(Change::OnDuty),
        3 => btree_set(select(names), 0..4).prop_map(Change::Disabled),
        1 => Just(Change::Nothing),
    ];
    vec(change, 1..6)
}

fn run(lists_acquirable: bool) {
    let fixture = Fixture::new(lists_acquirable);
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    if let Err(error) = runner.run(&changes(), |changes| fixture.runtime.block_on(fixture.check(&changes))) {
        panic!("{error}");
    }
}

#[test]
fn u3_exactly_the_callers_whose_list_changed_are_notified() {
    run(false);
}

#[test]
fn u3_exactly_the_callers_whose_list_changed_are_notified_if_lists_show_what_can_be_acquired() {
    run(true);
}
