//! A server under mixed traffic for a while: tokens that come and go, an authorization server that goes wrong and
//! recovers, people who lose their access and get it back. No status that is not in the table, a line in the audit for
//! every request, and no more memory at the end than after the warm-up.
//!
//! Ten seconds; `TOOLGATE_SOAK_SECONDS=600` for the ten minutes that a release gets. What happens follows from seeds,
//! when it happens from how many requests were answered. Memory is asserted from five minutes on only: before that the
//! allocator and the caches are still filling up.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, UNIX_EPOCH},
};

use serde_json::{Value, json};
use standardwebhooks::Webhook;
use tokio::task::JoinSet;
use toolgate::audit::JsonLines;
use toolgate_dev_tenant::{DevTenant, Fault, Mint};
use toolgate_tests::{Client, Dice, PATIENCE, Reply, Revision, TestServer, http, propel_auth, tenant};
use tracing_subscriber::{layer::SubscriberExt, registry, util::SubscriberInitExt};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const WORKERS: u64 = 8;
/// In seconds.
const SHORT: u64 = 10;
const LONG: u64 = 300;
/// Tokens that come and go live for so long.
const BRIEFLY: Duration = Duration::from_secs(30);
/// Tokens of which each is seldom seen: more than are remembered.
const SELDOM: u64 = 4 * MAX_CACHED_TOKENS;
const MAX_CACHED_TOKENS: u64 = 1000;

/// Faults that end in 503: none of them makes a good token look bad.
fn fault(number: u64) -> Fault {
    match number % 8 {
        0 => Fault::ServerError,
        1 => Fault::TooManyRequests { retry_after_seconds: Some(1) },
        2 => Fault::MalformedJson,
        3 => Fault::oversized(),
        4 => Fault::Hang,
        5 => Fault::Redirect,
        6 => Fault::MissingActive,
        _ => Fault::delay(Duration::from_millis(20)),
    }
}

/// The audit's files. Those that are full are counted and removed as the test goes on.
struct Audit {
    path: PathBuf,
    lines: Mutex<u64>,
}

impl Audit {
    fn count(&self, file: &PathBuf) {
        let text = fs::read_to_string(file).unwrap();
        assert!(text.ends_with('\n') || text.is_empty(), "a line that is not whole");
        for line in text.lines() {
            let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            assert!(line["outcome"].is_string(), "{line}");
            *self.lines.lock().unwrap() += 1;
        }
        fs::remove_file(file).unwrap();
    }

    fn count_full_files(&self) {
        for entry in fs::read_dir(self.path.parent().unwrap()).unwrap() {
            let file = entry.unwrap().path();
            if file != self.path {
                self.count(&file);
            }
        }
    }
}

struct Soak {
    tenant: DevTenant,
    server: TestServer,
    clients: [Client; 2],
    harriet: String,
    sanna: String,
    /// Of each, one token that lives on.
    tokens: [String; 2],
    seldom: Vec<String>,
    audit: Audit,
    http: reqwest::Client,
    answered: AtomicU64,
    statuses: Mutex<BTreeMap<(&'static str, u16), u64>>,
}

impl Soak {
    /// One request, and the statuses that the table has for it.
    async fn request(&self, dice: &mut Dice) {
        let client = self.clients[usize::from(dice.roll().is_multiple_of(2))].clone();
        let [harriet, sanna] = &self.tokens;
        let private = json!({ "person_id": "per_1" });
        let public = json!({ "person_id": "per_7" });
        let (what, reply, expected): (_, Reply, &[u16]) = match dice.roll() % 12 {
            0..3 => ("a call", client.token(harriet).call("people_private", private).await, &[200, 503]),
            3 => ("a list", client.token(harriet).list().await, &[200, 503]),
            // The tenant is in this process, too, and keeps for a while what it issued: few tokens are really new.
            4 if !dice.roll().is_multiple_of(16) => {
                let token = &self.seldom[dice.below(self.seldom.len())];
                ("a call with a seldom token", client.token(token).call("people_private", private).await, &[200, 503])
            }
            4 => {
                let mint = Mint::for_person(&self.harriet).resource(&self.server.endpoint).expires_in(BRIEFLY);
                let token = self.tenant.mint(&mint).unwrap();
                ("a call with a new token", client.token(&token).call("people_private", private).await, &[200, 503])
            }
            5 => {
                let reply = client.token(sanna).call("people_public", public).await;
                ("a call of somebody who comes and goes", reply, &[200, 401, 503])
            }
            6 => {
                let reply = client.token(sanna).call("people_private", private).await;
                ("a call that takes more scopes", reply, &[401, 403, 503])
            }
            7 => {
                let token = format!("garbage-{}", dice.roll());
                ("a token that nobody issued", client.token(&token).list().await, &[401, 503])
            }
            8 => ("no token", client.list().await, &[401]),
            9 => ("a malformed token", client.token("two words").list().await, &[400]),
            10 => {
                let reply = Reply::to(client.token(harriet).post("people_public", "{")).await;
                ("a malformed message", reply, &[400, 503])
            }
            _ => {
                let reply = client.token(harriet).call("no_such_tool", json!({})).await;
                ("a tool that is not there", reply, &[200, 503])
            }
        };
        assert!(expected.contains(&reply.status), "{what}: {reply:?}");
        assert!(reply.status != 503 || reply.headers.contains_key("retry-after"), "{what}: {reply:?}");
        *self.statuses.lock().unwrap().entry((what, reply.status)).or_default() += 1;
    }

    /// What happens besides, by how many requests were answered.
    async fn event(&self, answered: u64) {
        match answered % 2000 {
            100 => self.tenant.set_fault(fault(answered / 2000)),
            200 => self.tenant.clear_fault(),
            300 => self.deliver(answered, &json!({ "event_type": "user.logged_out", "user_id": self.harriet })).await,
            400 => {
                self.tenant.disable_person(&self.sanna).unwrap();
                self.deliver(answered, &json!({ "event_type": "user.disabled", "user_id": self.sanna })).await;
            }
            500 => drop(self.tenant.enable_person(&self.sanna).unwrap()),
            600 => {
                let org = &self.tenant.config().organization().id;
                self.deliver(answered, &json!({ "event_type": "org.scim_group_updated", "org_id": org })).await;
            }
            900 => self.audit.count_full_files(),
            _ => {}
        }
    }

    async fn deliver(&self, id: u64, event: &Value) {
        let id = format!("msg_{id}");
        let time = i64::try_from(UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap();
        let body = event.to_string();
        let signature = Webhook::new(SECRET).unwrap().sign(&id, time, body.as_bytes()).unwrap();
        let request = self.http.post(format!("{}/webhooks/propelauth", self.server.base));
        let request =
            request.header("svix-id", id).header("svix-timestamp", time).header("svix-signature", signature);
        assert_eq!(Reply::to(request.body(body)).await.status, 204);
    }

    async fn work(&self, seed: u64, until: Instant) {
        let mut dice = Dice(seed);
        while Instant::now() < until {
            self.request(&mut dice).await;
            self.event(self.answered.fetch_add(1, Ordering::SeqCst) + 1).await;
        }
    }
}

/// What of this process is in memory, in pages.
fn resident() -> u64 {
    fs::read_to_string("/proc/self/statm").unwrap().split(' ').nth(1).unwrap().parse().unwrap()
}

async fn start(audit: Audit) -> Soak {
    let tenant = tenant(|tenant| tenant).await;
    let auth = propel_auth(&tenant).timeout(Duration::from_millis(250));
    let server = TestServer::with(|server| {
        server
            .auth(auth)
            .webhook_secret(SECRET)
            .cache_ttl(Duration::from_secs(2))
            .max_cached_tokens(MAX_CACHED_TOKENS)
    })
    .await;
    let people = ["HR", "Support"].map(|role| tenant.person_of_role(role).unwrap().id);
    let tokens = people.clone().map(|person| {
        let mint = Mint::for_person(person).resource(&server.endpoint);
        tenant.mint(&mint.expires_in(Duration::from_hours(2))).unwrap()
    });
    let [harriet, sanna] = people;
    let lasting = Mint::for_person(&harriet).resource(&server.endpoint).expires_in(Duration::from_hours(2));
    let seldom = (0..SELDOM).map(|_| tenant.mint(&lasting).unwrap()).collect();
    Soak {
        clients: Revision::BOTH.map(|revision| server.client(revision)),
        tenant,
        server,
        harriet,
        sanna,
        tokens,
        seldom,
        audit,
        http: http(),
        answered: AtomicU64::new(0),
        statuses: Mutex::default(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_under_mixed_traffic_stays_correct_and_small_and_records_everything() {
    let seconds = std::env::var("TOOLGATE_SOAK_SECONDS").map_or(SHORT, |value| value.parse().expect("a number"));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.jsonl");
    let (layer, guard) = JsonLines::file(&path).max_bytes(1 << 20).keep(100_000).open().unwrap();
    registry().with(layer).init();

    let soak = Arc::new(start(Audit { path: path.clone(), lines: Mutex::default() }).await);
    let started = Instant::now();
    let phase = async |phase: u64, until: Instant| {
        let mut workers = JoinSet::new();
        for worker in 0..WORKERS {
            let soak = Arc::clone(&soak);
            workers.spawn(async move { soak.work(phase * WORKERS + worker, until).await });
        }
        while let Some(worker) = workers.join_next().await {
            worker.unwrap();
        }
        resident()
    };
    let warm = phase(0, started + Duration::from_secs(seconds) / 3).await;
    let end = phase(1, started + Duration::from_secs(seconds)).await;

    let soak = Arc::into_inner(soak).expect("all workers are done");
    let Soak { server, audit, answered, statuses, tenant, .. } = soak;
    let questions = tenant.introspection_count();
    tokio::time::timeout(PATIENCE, server.stop()).await.expect("the server stops").unwrap().unwrap();
    drop(guard);
    audit.count_full_files();
    audit.count(&path);
    let (lines, answered) = (audit.lines.into_inner().unwrap(), answered.into_inner());
    let statuses = statuses.into_inner().unwrap();
    println!("{answered} requests in {seconds} s, {questions} introspections, {lines} lines of audit");
    println!("{warm} pages resident after the warm-up, {end} at the end");
    for ((what, status), count) in &statuses {
        println!("{count:>9} {status} {what}");
    }
    assert_eq!(lines, answered, "every request has its line");
    let good = statuses.get(&("a call", 200)).copied().unwrap_or_default();
    assert!(good > answered / 100, "now and then it works");
    if seconds >= LONG {
        assert!(end * 10 <= warm * 11, "{warm} pages resident after the warm-up, {end} at the end");
    }
}
