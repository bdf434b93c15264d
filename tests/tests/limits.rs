//! What a server bounds, and how it stops.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::{
    sync::{
        Arc, LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Semaphore,
    task::JoinHandle,
    time::timeout,
};
use toolgate::{
    auth::{BearerToken, Claims, TokenValidator, ValidationError, async_trait},
    prelude::*,
};
use toolgate_tests::{Client, Log, PATIENCE, Reply, Revision, TestServer, eventually, raw_exchange};

/// The scopes of the server below.
pub static SCOPES: Scopes = Scopes::new(&["work:do"]);

/// One for the process: the server's tasks run on many threads.
static LOG: LazyLock<Log> = LazyLock::new(Log::of_this_process);

const MOMENT: Duration = Duration::from_millis(100);

/// Wait until the test says so.
#[tool(authenticated)]
async fn waits(waiting: &Waiting) -> &'static str {
    waiting.wait().await
}

/// Wait until the test says so, one at a time.
#[tool(authenticated, concurrency = 1)]
async fn waits_alone(waiting: &Waiting) -> &'static str {
    waiting.wait().await
}

/// Tell of progress, then wait until the test says so.
#[tool(authenticated)]
async fn progresses(context: &Context, waiting: &Waiting) -> &'static str {
    context.progress(1.0, None, Some("on the way")).await;
    waiting.wait().await
}

/// Say a lot.
#[tool(authenticated)]
async fn says(bytes: usize) -> String {
    "x".repeat(bytes)
}

/// Say a lot about a failure.
#[tool(authenticated)]
async fn complains(bytes: usize) -> Result<String, ToolError> {
    Err(ToolError::new("x".repeat(bytes)))
}

/// Answer at once.
#[tool(authenticated)]
async fn answers() -> &'static str {
    "an answer"
}

/// Bodies that wait, and what became of them.
#[derive(Clone)]
struct Waiting(Arc<Inner>);

struct Inner {
    started: AtomicUsize,
    gone: AtomicUsize,
    turns: Semaphore,
}

struct Gone<'a>(&'a Waiting);

impl Waiting {
    fn new() -> Self {
        let inner = Inner { started: AtomicUsize::new(0), gone: AtomicUsize::new(0), turns: Semaphore::new(0) };
        Self(Arc::new(inner))
    }

    async fn wait(&self) -> &'static str {
        let _gone = Gone(self);
        self.0.started.fetch_add(1, Ordering::SeqCst);
        if let Ok(turn) = self.0.turns.acquire().await {
            turn.forget();
        }
        "waited"
    }

    fn release(&self, bodies: usize) {
        self.0.turns.add_permits(bodies);
    }

    async fn started(&self, bodies: usize) {
        eventually("the bodies have started", async || self.0.started.load(Ordering::SeqCst) == bodies).await;
    }

    async fn gone(&self, bodies: usize) {
        eventually("the bodies are gone", async || self.0.gone.load(Ordering::SeqCst) == bodies).await;
    }
}

impl Drop for Gone<'_> {
    fn drop(&mut self) {
        self.0.0.gone.fetch_add(1, Ordering::SeqCst);
    }
}

/// Every token is its user's, before the first `-`; counts how often it was asked.
#[derive(Clone, Default)]
struct Everybody(Arc<AtomicUsize>);

#[async_trait]
impl TokenValidator for Everybody {
    async fn validate(&self, token: &BearerToken) -> Result<Claims, ValidationError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        let user = token.expose().split('-').next().unwrap_or_default();
        Ok(Claims::new().subject(user).organization("company", "Member").audience_verified())
    }
}

struct Limited {
    server: TestServer,
    waiting: Waiting,
    asked: Arc<AtomicUsize>,
}

async fn limited(configure: impl FnOnce(Server) -> Server) -> Limited {
    LazyLock::force(&LOG);
    let listener = TestServer::listener().await;
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (waiting, everybody) = (Waiting::new(), Everybody::default());
    let asked = Arc::clone(&everybody.0);
    let server =
        Server::new("limits", &SCOPES).server_url(url).auth(everybody).state(waiting.clone()).skip_preflight();
    let server = TestServer::run(listener, configure(server)).await;
    Limited { server, waiting, asked }
}

impl Limited {
    fn client(&self, token: &str) -> Client {
        self.server.client_with(token, Revision::Modern)
    }

    /// A call that goes on by itself.
    fn begin(&self, token: &str, tool: &'static str) -> JoinHandle<Reply> {
        let client = self.client(token);
        tokio::spawn(async move { client.call(tool, json!({})).await })
    }

    async fn raw(&self, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.server.address).await.unwrap();
        stream.write_all(text.replace('\n', "\r\n").as_bytes()).await.unwrap();
        stream
    }

    /// The head of a call whose body is still to come.
    fn head(&self, token: &str, length: usize) -> String {
        format!(
            "POST /mcp HTTP/1.1\nHost: {}\nAuthorization: Bearer {token}\nContent-Type: application/json\n\
             Accept: application/json, text/event-stream\nContent-Length: {length}\n\n",
            self.server.address
        )
    }
}

fn assert_too_many(reply: &Reply) {
    assert_eq!((reply.status, reply.header("retry-after")), (429, "1"), "{reply:?}");
    assert_eq!(reply.json()["error"], "too_many_requests");
    assert!(reply.challenge().is_none(), "a 429 says nothing about the token");
}

async fn read_all(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    // A connection that was cut may end in a reset.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut text)).await.expect("the server ends the connection");
    String::from_utf8_lossy(&text).into_owned()
}

#[tokio::test]
async fn requests_beyond_the_limit_get_429_before_anybody_is_asked_about_them() {
    for direct in [true, false] {
        let limited = limited(|server| server.max_requests_in_flight(2).direct_path(direct)).await;
        let calls = [limited.begin("ann", "waits"), limited.begin("bob", "waits")];
        limited.waiting.started(2).await;
        let asked = limited.asked.load(Ordering::SeqCst);
        for token in ["ann", "carol"] {
            assert_too_many(&limited.client(token).call("answers", json!({})).await);
        }
        // Without a token too: the limit comes first.
        assert_too_many(&limited.server.client(Revision::Modern).list().await);
        assert_eq!(limited.asked.load(Ordering::SeqCst), asked);
        limited.waiting.release(2);
        for call in calls {
            assert!(call.await.unwrap().is_success());
        }
        assert!(limited.client("carol").call("answers", json!({})).await.is_success());
    }
}

#[tokio::test]
async fn one_caller_cannot_take_all_requests_with_however_many_tokens() {
    let limited = limited(|server| server.max_requests_per_caller(2)).await;
    let calls = [limited.begin("ann-1", "waits"), limited.begin("ann-2", "waits")];
    limited.waiting.started(2).await;
    assert_too_many(&limited.client("ann-3").call("answers", json!({})).await);
    assert!(limited.client("bob").call("answers", json!({})).await.is_success());
    limited.waiting.release(2);
    for call in calls {
        assert!(call.await.unwrap().is_success());
    }
    assert!(limited.client("ann-3").call("answers", json!({})).await.is_success());
}

#[tokio::test]
async fn a_stream_is_under_way_until_its_client_goes() {
    let limited = limited(|server| server.max_requests_in_flight(1)).await;
    let client = limited.client("ann");
    let mut message = client.call_message("progresses", &json!({}));
    message["params"]["_meta"]["progressToken"] = "p".into();
    let mut response = client.request(&message).send().await.unwrap();
    assert!(response.chunk().await.unwrap().is_some());
    limited.waiting.started(1).await;
    assert_too_many(&limited.client("bob").call("answers", json!({})).await);
    drop(response);
    limited.waiting.gone(1).await;
    eventually("there is room again", async || limited.client("bob").call("answers", json!({})).await.status == 200)
        .await;
}

#[tokio::test]
async fn a_tool_runs_no_more_calls_at_once_than_it_says() {
    for direct in [true, false] {
        let limited = limited(|server| server.direct_path(direct)).await;
        let first = limited.begin("ann", "waits_alone");
        limited.waiting.started(1).await;
        let second = limited.client("bob").call("waits_alone", json!({})).await;
        assert!(second.is_tool_error() && second.text_content().contains("busy"), "{second:?}");
        assert!(limited.client("bob").call("answers", json!({})).await.is_success(), "another tool is not busy");
        limited.waiting.release(1);
        assert_eq!(first.await.unwrap().text_content(), "waited");
        limited.waiting.started(1).await;
        limited.waiting.release(1);
        assert!(limited.client("bob").call("waits_alone", json!({})).await.is_success());
    }
}

#[tokio::test]
async fn a_call_that_its_client_gave_up_makes_room() {
    let limited = limited(|server| server).await;
    let first = limited.begin("ann", "waits_alone");
    limited.waiting.started(1).await;
    first.abort();
    limited.waiting.gone(1).await;
    limited.waiting.release(1);
    eventually("the tool is free", async || limited.client("bob").call("waits_alone", json!({})).await.is_success())
        .await;
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_not_sent() {
    for direct in [true, false] {
        let limited = limited(|server| server.max_answer_bytes(10_000).direct_path(direct)).await;
        assert!(limited.client("ann").call("says", json!({ "bytes": 9000 })).await.is_success());
        for tool in ["says", "complains"] {
            let reply = limited.client("ann").call(tool, json!({ "bytes": 20_000 })).await;
            assert!(reply.is_tool_error() && reply.text_content().contains("10000 bytes"), "{reply:?}");
            assert!(reply.text.len() < 1000);
        }
    }
    eventually("the log says so", async || LOG.text().contains("Server::max_answer_bytes")).await;
}

#[tokio::test]
async fn headers_that_are_too_large_get_431() {
    let limited = limited(|server| server.max_header_bytes(4096)).await;
    let head = |bytes: usize| format!("GET /healthz HTTP/1.1\nX-Long: {}", "x".repeat(bytes));
    assert_eq!(raw_exchange(limited.server.address, &head(1000), "").await.status, 200);
    assert_eq!(raw_exchange(limited.server.address, &head(5000), "").await.status, 431);
}

#[tokio::test]
async fn headers_that_do_not_come_in_time_end_the_connection() {
    let limited = limited(|server| server.header_timeout(MOMENT)).await;
    let mut slow = limited.raw("POST /mcp HTTP/1.1\nHost: ").await;
    assert!(!read_all(&mut slow).await.contains("200"));
    let mut silent = TcpStream::connect(limited.server.address).await.unwrap();
    assert_eq!(read_all(&mut silent).await, "");
}

#[tokio::test]
async fn a_body_that_does_not_come_in_time_gets_408_and_frees_its_place() {
    let limited = limited(|server| server.max_requests_in_flight(1).body_timeout(MOMENT)).await;
    let mut slow = limited.raw(&limited.head("ann", 100)).await;
    slow.write_all(b"{\"jsonrpc\"").await.unwrap();
    let response = read_all(&mut slow).await;
    assert!(response.starts_with("HTTP/1.1 408 ") && response.contains("connection: close"), "{response}");
    assert!(limited.client("ann").call("answers", json!({})).await.is_success());
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_disconnected() {
    let limited = limited(|server| server.write_timeout(MOMENT)).await;
    let body = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": "says", "arguments": { "bytes": 15_000_000 } },
    })
    .to_string();
    let mut lazy = limited.raw(&limited.head("ann", body.len())).await;
    lazy.write_all(body.as_bytes()).await.unwrap();
    // Something arrives, so the request is being answered.
    lazy.readable().await.unwrap();
    // The server waits for every connection to end, and it ends before the time to drain does.
    let stopped = timeout(PATIENCE, limited.server.stop()).await.expect("the connection ends");
    stopped.unwrap().unwrap();
    assert!(read_all(&mut lazy).await.len() < 15_000_000);
}

#[tokio::test]
async fn requests_in_flight_finish_when_the_server_stops() {
    let limited = limited(|server| server).await;
    let Limited { server, waiting, .. } = &limited;
    let client = server.client_with("ann", Revision::Modern);
    let mut message = client.call_message("progresses", &json!({}));
    message["params"]["_meta"]["progressToken"] = "p".into();
    let stream = tokio::spawn({
        let client = client.clone();
        async move { client.send(&message).await }
    });
    let call = limited.begin("ann", "waits");
    waiting.started(2).await;
    let (address, waiting) = (server.address, waiting.clone());
    let stopped = limited.server.stop();
    eventually("nobody is let in any more", async || TcpStream::connect(address).await.is_err()).await;
    assert!(!stopped.is_finished());
    waiting.release(2);
    assert_eq!(call.await.unwrap().text_content(), "waited");
    let stream = stream.await.unwrap();
    assert_eq!((stream.messages().len(), stream.text_content()), (2, "waited"));
    timeout(PATIENCE, stopped).await.expect("the server stops").unwrap().unwrap();
}

#[tokio::test]
async fn requests_that_do_not_finish_are_cut_and_counted() {
    let limited = limited(|server| server.shutdown_timeout(MOMENT)).await;
    let calls = [limited.begin("ann", "waits"), limited.begin("bob", "waits"), limited.begin("carol", "progresses")];
    limited.waiting.started(3).await;
    let waiting = limited.waiting.clone();
    timeout(PATIENCE, limited.server.stop()).await.expect("the server stops").unwrap().unwrap();
    waiting.gone(3).await;
    for call in calls {
        // Cut off, or told that it was cancelled.
        assert!(!call.await.is_ok_and(|reply| reply.is_success()));
    }
    assert!(LOG.text().contains("stopped before every request was answered"), "{}", LOG.text());
    assert!(LOG.text().contains("requests=3"), "{}", LOG.text());
}

#[tokio::test]
async fn an_idle_connection_does_not_keep_the_server_from_stopping() {
    let limited = limited(|server| server).await;
    let client = limited.client("ann");
    assert!(client.call("answers", json!({})).await.is_success());
    let _silent = TcpStream::connect(limited.server.address).await.unwrap();
    timeout(PATIENCE, limited.server.stop()).await.expect("the server stops").unwrap().unwrap();
}
