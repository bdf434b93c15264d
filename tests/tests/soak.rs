//! A server under mixed traffic: cached, uncached, expired and unknown tokens, faults of the authorization server, and
//! users who lose their access and get it back. Every status is one of those that the request may have, every request
//! has an audit record, and memory does not grow.
//!
//! In a process of its own: the subscriber is global, and the allocator counts the bytes of the whole process. It runs
//! for ten seconds, or as long as `SOAK_SECONDS` says; a release gets 600. The requests follow from seeds, and
//! the events from the number of requests.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::{
    alloc::System,
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rand::{RngExt, SeedableRng, seq::IndexedRandom};
use rand_pcg::Pcg64Mcg;
use serde_json::{Value, json};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tokio::task::JoinSet;
use toolgate::audit::JsonLines;
use toolgate_dev_tenant::{DevTenant, Fault, Mint};
use toolgate_tests::{
    Client, HttpResponse, Revision, TestServer, WEBHOOK_SECRET, WebhookDelivery, eventually, heap_bytes, propel_auth,
    resident_bytes, send, start_tenant,
};
use tracing_subscriber::{layer::SubscriberExt, registry, util::SubscriberInitExt};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const WORKERS: u64 = 8;
const DEFAULT_SECONDS: u64 = 10;
const MAX_CACHED_TOKENS: u64 = 250;
/// Number of long-lived tokens that together exceed the capacity of the cache.
const RARE_TOKENS: u64 = 4 * MAX_CACHED_TOKENS;
/// Maximum growth of the heap after the warm-up, measured while the cache holds the same entries. Buffers of idle
/// connections vary by half of it. In ten seconds, it is some 200 bytes for each request.
const MAX_HEAP_GROWTH_BYTES: usize = 1 << 20;
/// Maximum growth of the resident memory, which depends on how the allocator reuses pages.
const MAX_RESIDENT_GROWTH_BYTES: usize = 16 << 20;
const SHORT_LIFETIME: Duration = Duration::from_secs(30);
const LONG_LIFETIME: Duration = Duration::from_hours(2);

/// Returns a fault that makes a valid token get 503 and never 401.
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

/// The audit files. Complete files are counted and removed while the test runs.
struct AuditFiles {
    path: PathBuf,
    records: AtomicU64,
}

impl AuditFiles {
    fn count(&self, file: &Path) {
        let text = fs::read_to_string(file).unwrap();
        assert!(text.ends_with('\n') || text.is_empty(), "the last line is incomplete");
        for line in text.lines() {
            let record: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            assert!(record["outcome"].is_string(), "{record}");
            // Rejections of requests without a valid token may share a record.
            self.records.fetch_add(record["count"].as_u64().unwrap_or(1), Ordering::SeqCst);
        }
        fs::remove_file(file).unwrap();
    }

    fn count_complete_files(&self) {
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
    /// IDs of two users. Access of `sanna` is revoked and restored.
    harriet: String,
    sanna: String,
    /// A long-lived token of each.
    harriet_token: String,
    sanna_token: String,
    rare_tokens: Vec<String>,
    audit: AuditFiles,
    requests: AtomicU64,
    statuses: Mutex<BTreeMap<(&'static str, u16), u64>>,
}

impl Soak {
    async fn start(audit: AuditFiles) -> Self {
        let tenant = start_tenant().await;
        let auth = propel_auth(&tenant).timeout(Duration::from_millis(250)).webhook_secret(WEBHOOK_SECRET).unwrap();
        let server = TestServer::with(|server| {
            server.auth(auth).token_cache(|cache| {
                cache.ttl = Some(Duration::from_secs(2));
                cache.max_tokens = MAX_CACHED_TOKENS;
            })
        })
        .await;
        let [harriet, sanna] = ["HR", "Support"].map(|role| tenant.person_of_role(role).unwrap().id);
        let mint = |person: &str| {
            let mint = Mint::for_person(person).resource(&server.endpoint).expires_in(LONG_LIFETIME);
            tenant.mint(&mint).unwrap()
        };
        Self {
            clients: Revision::BOTH.map(|revision| server.client(revision)),
            harriet_token: mint(&harriet),
            sanna_token: mint(&sanna),
            rare_tokens: (0..RARE_TOKENS).map(|_| mint(&harriet)).collect(),
            tenant,
            server,
            harriet,
            sanna,
            audit,
            requests: AtomicU64::new(0),
            statuses: Mutex::default(),
        }
    }

    /// Sends one request and checks its status.
    async fn request(&self, random: &mut Pcg64Mcg) {
        let client = self.clients.choose(random).unwrap().clone();
        let (harriet, sanna) = (&self.harriet_token, &self.sanna_token);
        let private = json!({ "person_id": "per_1" });
        let public = json!({ "person_id": "per_7" });
        let (what, response, expected): (_, HttpResponse, &[u16]) = match random.random_range(0..12) {
            0..3 => ("call", client.token(harriet).call("people_private", private).await, &[200, 503]),
            3 => ("list", client.token(harriet).list().await, &[200, 503]),
            // Few tokens are minted, because the tenant in this process keeps each for a while.
            4 if random.random_ratio(15, 16) => {
                let token = self.rare_tokens.choose(random).unwrap();
                ("call with a rare token", client.token(token).call("people_private", private).await, &[200, 503])
            }
            4 => {
                let mint = Mint::for_person(&self.harriet).resource(&self.server.endpoint).expires_in(SHORT_LIFETIME);
                let token = self.tenant.mint(&mint).unwrap();
                ("call with a new token", client.token(&token).call("people_private", private).await, &[200, 503])
            }
            5 => {
                let response = client.token(sanna).call("people_public", public).await;
                ("call of a user whose access changes", response, &[200, 401, 503])
            }
            6 => {
                let response = client.token(sanna).call("people_private", private).await;
                ("call with missing scopes", response, &[401, 403, 503])
            }
            7 => {
                let token = format!("unknown-{}", random.random::<u64>());
                ("unknown token", client.token(&token).list().await, &[401, 503])
            }
            8 => ("no token", client.list().await, &[401]),
            9 => ("malformed token", client.token("two words").list().await, &[400]),
            10 => ("malformed message", send(client.token(harriet).post("people_public", "{")).await, &[400, 503]),
            _ => ("unknown tool", client.token(harriet).call("no_such_tool", json!({})).await, &[200, 503]),
        };
        assert!(expected.contains(&response.status), "{what}: {response:?}");
        assert!(response.status != 503 || response.headers.contains_key("retry-after"), "{what}: {response:?}");
        *self.statuses.lock().unwrap().entry((what, response.status)).or_default() += 1;
    }

    /// Causes the event that belongs to a number of requests.
    async fn event(&self, requests: u64) {
        match requests % 2000 {
            100 => self.tenant.set_fault(fault(requests / 2000)),
            200 => self.tenant.clear_fault(),
            300 => self.deliver(requests, "user.logged_out", "user_id", &self.harriet).await,
            400 => {
                self.tenant.disable_person(&self.sanna).unwrap();
                self.deliver(requests, "user.disabled", "user_id", &self.sanna).await;
            }
            500 => drop(self.tenant.enable_person(&self.sanna).unwrap()),
            600 => {
                let organization = &self.tenant.config().organization().id;
                self.deliver(requests, "org.scim_group_updated", "org_id", organization).await;
            }
            900 => self.audit.count_complete_files(),
            _ => {}
        }
    }

    async fn deliver(&self, id: u64, event_type: &str, key: &str, value: &str) {
        let event = json!({ "event_type": event_type, key: value });
        let delivery = WebhookDelivery::new(&self.server.url, format!("msg_{id}"), &event);
        assert_eq!(delivery.send().await.status, 204);
    }

    async fn work(&self, seed: u64, until: Instant) {
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        while Instant::now() < until {
            self.request(&mut random).await;
            self.event(self.requests.fetch_add(1, Ordering::SeqCst) + 1).await;
        }
    }

    /// Runs all workers until a time. Then fills the token cache with the same entries every time, and returns the bytes
    /// on the heap and in resident memory.
    async fn run(self: &Arc<Self>, seed: u64, until: Instant) -> (usize, usize) {
        let mut workers = JoinSet::new();
        for worker in 0..WORKERS {
            let soak = Arc::clone(self);
            workers.spawn(async move { soak.work(seed + worker, until).await });
        }
        while let Some(worker) = workers.join_next().await {
            worker.unwrap();
        }
        self.tenant.clear_fault();
        for token in &self.rare_tokens {
            let client = self.clients[0].clone().token(token);
            eventually("the circuit breaker is closed", async || {
                self.requests.fetch_add(1, Ordering::SeqCst);
                client.list().await.status == 200
            })
            .await;
        }
        (heap_bytes(), resident_bytes())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mixed_traffic_gets_expected_statuses_leaks_no_memory_and_is_audited_completely() {
    let seconds = std::env::var("SOAK_SECONDS");
    let seconds = seconds.map_or(DEFAULT_SECONDS, |value| value.parse().expect("the variable is a number"));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.jsonl");
    let (layer, guard) = JsonLines::file(&path).max_bytes(1 << 20).keep(100_000).open().unwrap();
    registry().with(layer).init();

    let soak = Arc::new(Soak::start(AuditFiles { path: path.clone(), records: AtomicU64::new(0) }).await);
    let started = Instant::now();
    let (warm_heap, warm_resident) = soak.run(0, started + Duration::from_secs(seconds) / 3).await;
    let (heap, resident) = soak.run(WORKERS, started + Duration::from_secs(seconds)).await;

    let soak = Arc::into_inner(soak).expect("all workers have finished");
    let Soak { server, audit, requests, statuses, tenant, .. } = soak;
    let introspections = tenant.introspection_count();
    server.shut_down().await;
    drop(guard);
    audit.count_complete_files();
    audit.count(&path);
    let (records, requests) = (audit.records.into_inner(), requests.into_inner());
    let statuses = statuses.into_inner().unwrap();
    println!("{requests} requests in {seconds} s, {introspections} introspections, {records} audit records");
    println!("heap after the warm-up and at the end: {} and {} KiB", warm_heap >> 10, heap >> 10);
    println!("resident after the warm-up and at the end: {} and {} KiB", warm_resident >> 10, resident >> 10);
    for ((what, status), count) in &statuses {
        println!("{count:>9} {status} {what}");
    }
    assert_eq!(records, requests, "every request has one record");
    let successful_calls = statuses.get(&("call", 200)).copied().unwrap_or_default();
    assert!(successful_calls > requests / 100, "calls succeed between the faults");
    assert!(
        heap <= warm_heap + MAX_HEAP_GROWTH_BYTES,
        "{warm_heap} bytes on the heap after the warm-up, then {heap}"
    );
    assert!(
        resident <= warm_resident + MAX_RESIDENT_GROWTH_BYTES,
        "{warm_resident} bytes resident after the warm-up, then {resident}"
    );
}
