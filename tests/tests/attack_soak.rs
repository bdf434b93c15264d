//! Attacks on availability beside good callers: JSON that takes much memory, invented tokens on slowly paced connections,
//! unsigned webhooks that do not end, and silent connections. Every call of a good caller succeeds and is in the audit
//! file, and the memory of the server is bounded.
//!
//! The server runs in a process of its own with a limit of 1,024 descriptors, so that its memory is measured alone. The
//! test runs for ten seconds, or as long as `SOAK_SECONDS` says.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::{
    env, fs,
    io::{BufRead, BufReader, Read},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::timeout,
};
use toolgate::{PropelAuth, Server, audit::JsonLines};
use toolgate_dev_tenant::{DevTenant, Fault, Mint};
use toolgate_tests::{Revision, TestServer, WEBHOOK_SECRET, start_tenant};
use tracing_subscriber::{layer::SubscriberExt, registry, util::SubscriberInitExt};

const TENANT_URL: &str = "TEST_TENANT_URL";
const TENANT_ID: &str = "TEST_TENANT_ID";
const TENANT_SECRET: &str = "TEST_TENANT_SECRET";
const AUDIT_FILE: &str = "TEST_AUDIT_FILE";

const DEFAULT_SECONDS: u64 = 10;
const GOOD_CALLERS: usize = 50;
/// Time from one call of a good caller to its next.
const CALL_INTERVAL: Duration = Duration::from_millis(200);
/// Address of the good callers. The attackers have 127.0.0.1.
const GOOD_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
const TARPIT: Duration = Duration::from_secs(1);
/// Maximum resident memory of the server, in bytes.
const MAX_RESIDENT_BYTES: u64 = 384 << 20;

/// Serves until standard input ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "is the process that the other test starts"]
async fn process_of_the_server() {
    let tenant = env::var(TENANT_URL).unwrap();
    let (layer, guard) = JsonLines::file(env::var(AUDIT_FILE).unwrap()).max_bytes(1 << 40).open().unwrap();
    registry().with(layer).init();
    let auth = PropelAuth::new(&tenant, env::var(TENANT_ID).unwrap(), env::var(TENANT_SECRET).unwrap()).unwrap();
    let auth = auth.webhook_secret(WEBHOOK_SECRET).unwrap();
    let server = TestServer::with(|server: Server| server.auth(auth)).await;
    println!("\nserving {}", server.address);
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await.unwrap().unwrap();
    server.shut_down().await;
    drop(guard);
}

/// The server in a process of its own.
struct ServerProcess {
    process: Child,
    /// Stays open, because the test harness of the process writes to it.
    _stdout: BufReader<ChildStdout>,
    address: SocketAddr,
}

impl ServerProcess {
    fn start(tenant: &DevTenant, audit_file: &Path) -> Self {
        let mut process = Command::new("sh")
            .args(["-c", "ulimit -n 1024 && exec \"$0\" \"$@\""])
            .arg(env::current_exe().unwrap())
            .args(["--exact", "process_of_the_server", "--ignored", "--nocapture"])
            .env(TENANT_URL, tenant.auth_url())
            .env(TENANT_ID, tenant.introspection_client_id())
            .env(TENANT_SECRET, tenant.introspection_client_secret())
            .env(AUDIT_FILE, audit_file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut lines = stdout.by_ref().lines().map_while(Result::ok);
        let address = lines.find_map(|line| line.strip_prefix("serving ")?.parse().ok());
        Self { process, _stdout: stdout, address: address.expect("the server serves") }
    }

    fn resident_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let size = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("the size");
        size.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    }

    fn stop(mut self) {
        drop(self.process.stdin.take());
        assert!(self.process.wait().unwrap().success());
    }
}

/// Returns a request to the MCP endpoint as text.
fn request(server: SocketAddr, token: &str, body: &str) -> String {
    format!(
        "POST /mcp HTTP/1.1\r\nHost: {server}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Calls through one HTTP client from [`GOOD_ADDRESS`], which opens a connection again if the server closes it.
async fn call_repeatedly(server: SocketAddr, token: String, until: Instant, succeeded: Arc<AtomicU64>) {
    let http = reqwest::Client::builder().local_address(GOOD_ADDRESS).no_proxy().build().unwrap();
    let body = Revision::Legacy.call_message("people_private", &json!({ "person_id": "per_1" })).to_string();
    let mut interval = tokio::time::interval(CALL_INTERVAL);
    while Instant::now() < until {
        interval.tick().await;
        let mut request = http.post(format!("http://{server}/mcp")).bearer_auth(&token).body(body.clone());
        for (name, value) in Revision::Legacy.headers() {
            request = request.header(name, value);
        }
        let response = request.send().await.unwrap();
        let (status, text) = (response.status(), response.text().await.unwrap());
        assert!(status == 200 && text.contains("\"result\""), "a good caller got {status}: {text}");
        succeeded.fetch_add(1, Ordering::SeqCst);
    }
}

/// Opens a connection, sends a text, and holds the connection for a while.
async fn send_and_hold(server: SocketAddr, text: Arc<String>, hold: Duration) {
    let Ok(Ok(mut stream)) = timeout(TARPIT, TcpStream::connect(server)).await else { return };
    let _ = timeout(TARPIT, stream.write_all(text.as_bytes())).await;
    let _ = timeout(hold, stream.read_to_end(&mut Vec::new())).await;
}

/// Repeats an attack on several concurrent connections until a time.
fn attack(
    attackers: &mut JoinSet<()>,
    server: SocketAddr,
    connections: usize,
    until: Instant,
    hold: Duration,
    text: impl Fn(usize) -> Arc<String> + Send + Sync + 'static,
) {
    let text = Arc::new(text);
    for connection in 0..connections {
        let text = Arc::clone(&text);
        attackers.spawn(async move {
            let mut requests = connection;
            while Instant::now() < until {
                send_and_hold(server, text(requests), hold).await;
                requests += connections;
                tokio::task::yield_now().await;
            }
        });
    }
}

fn start_attacks(attackers: &mut JoinSet<()>, server: SocketAddr, token: &str, until: Instant) {
    // JSON that takes much memory, with a valid token.
    let elements = vec![r#"{"":0}"#; (4 << 20) / 7 - 100].join(",");
    let bodies = [
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"report","arguments":{{"x":[{elements}]}}}}}}"#
        ),
        format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/x","params":{{"x":[{}]}}}}"#,
            &elements[..60_000 / 7 * 7 - 1]
        ),
    ];
    let requests = bodies.map(|body| Arc::new(request(server, token, &body)));
    attack(attackers, server, 8, until, TARPIT, move |i| Arc::clone(&requests[i % 2]));
    // Invented tokens, paced slowly.
    attack(attackers, server, 200, until, TARPIT, move |i| Arc::new(request(server, &format!("invented-{i}"), "{}")));
    // Unsigned webhooks whose body does not arrive.
    attack(attackers, server, 64, until, TARPIT, move |i| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let signature = "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=";
        Arc::new(format!(
            "POST /webhooks/propelauth HTTP/1.1\r\nHost: {server}\r\nsvix-id: msg_{i}\r\nsvix-timestamp: {now}\r\n\
             svix-signature: {signature}\r\nContent-Length: 9000\r\n\r\n{}",
            "x".repeat(8000)
        ))
    });
    // Silent connections.
    attack(attackers, server, 1_000, until, 3 * TARPIT, |_| Arc::default());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn good_callers_are_served_while_the_server_is_attacked() {
    let seconds = env::var("SOAK_SECONDS");
    let seconds = seconds.map_or(DEFAULT_SECONDS, |value| value.parse().expect("the variable is a number"));
    let directory = tempfile::tempdir().unwrap();
    let audit_file = directory.path().join("audit.jsonl");
    let tenant = start_tenant().await;
    let server = ServerProcess::start(&tenant, &audit_file);
    let address = server.address;
    let harriet = tenant.person_of_role("HR").unwrap().id;
    let mint =
        Mint::for_person(&harriet).resource(format!("http://{address}/mcp")).expires_in(Duration::from_hours(2));
    let tokens: Vec<_> = (0..GOOD_CALLERS).map(|_| tenant.mint(&mint).unwrap()).collect();
    let attacker = tenant.mint(&mint).unwrap();
    tenant.set_fault(Fault::delay(Duration::from_millis(200)));

    let until = Instant::now() + Duration::from_secs(seconds);
    let succeeded = Arc::new(AtomicU64::new(0));
    let mut callers = JoinSet::new();
    for token in tokens {
        callers.spawn(call_repeatedly(address, token, until, Arc::clone(&succeeded)));
    }
    let mut attackers = JoinSet::new();
    start_attacks(&mut attackers, address, &attacker, until);
    let mut peak = 0;
    let mut samples = tokio::time::interval(Duration::from_millis(100));
    while Instant::now() < until {
        samples.tick().await;
        peak = peak.max(server.resident_bytes());
    }
    while let Some(caller) = callers.join_next().await {
        caller.unwrap();
    }
    attackers.shutdown().await;
    let resident = server.resident_bytes();
    server.stop();
    let succeeded = succeeded.load(Ordering::SeqCst);
    let records = fs::read_to_string(&audit_file).unwrap();
    let records: Vec<Value> = records.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let completed =
        records.iter().filter(|record| record["tool"] == "people_private" && record["outcome"] == "completed");
    let recorded = u64::try_from(completed.count()).unwrap();
    println!(
        "{succeeded} calls of good callers in {seconds} s, {recorded} of them recorded, {} records in total; {} \
         introspections; resident memory: at most {} MiB, {} MiB at the end",
        records.len(),
        tenant.introspection_count(),
        peak >> 20,
        resident >> 20
    );
    for outcome in ["malformed_message", "invalid_token", "too_many_requests_from_caller", "too_much_body_memory"] {
        let count: u64 = records
            .iter()
            .filter(|record| record["outcome"] == outcome)
            .map(|record| record["count"].as_u64().unwrap_or(1))
            .sum();
        println!("{count:>9} {outcome}");
    }
    assert!(succeeded > u64::try_from(GOOD_CALLERS).unwrap() * seconds, "{succeeded} calls");
    assert_eq!(recorded, succeeded, "every call is in the audit file");
    assert!(peak <= MAX_RESIDENT_BYTES, "{peak} bytes resident");
}
