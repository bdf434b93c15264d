//! Memory is bounded under a flood of unknown tokens or of unsigned webhooks, a valid token stays cached, and an open
//! stream or session takes little.
//!
//! In a process of its own, in which one test runs at a time: the allocator counts the bytes of the whole process. The
//! flood of tokens has 50,000 tokens, a million with `MEMORY_FULL=1`, or as many as `MEMORY_GARBAGE` says.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::{
    alloc::System,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, BodyDataStream, to_bytes},
    http::{Request, Response},
};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tokio::task::JoinSet;
use toolgate::{
    Server,
    auth::{BearerToken, Claims, Inactive, Resource, StaticTokens, TokenValidator, ValidationError, async_trait},
};
use toolgate_tests::{
    InProcessClient, Revision, SCOPES, TestServer, ToolBodies, WebhookDelivery, WithWebhooks, eventually, heap_bytes,
    read_to_end,
};
use tower::ServiceExt as _;

/// Held by the test that counts the bytes of the process.
static RUNNING: Mutex<()> = Mutex::new(());

/// Runs a test while no other one runs. What it allocated is free before the next one begins.
fn alone(test: impl Future<Output = ()>) {
    let _running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(test);
    drop(runtime);
}

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Capacity of the token cache.
const MAX_CACHED_TOKENS: u64 = 5_000;
/// Maximum growth once the cache is full: a few bytes for each of the remaining tokens.
const MAX_GROWTH_BYTES: usize = 128 << 10;

/// Validator that accepts the token `valid` and counts its validations.
#[derive(Clone, Default)]
struct OneToken(Arc<AtomicUsize>);

#[async_trait]
impl TokenValidator for OneToken {
    async fn validate(&self, token: &BearerToken, _: &Resource) -> Result<Claims, ValidationError> {
        if token.expose() != "valid" {
            return Err(Inactive::new("unknown").into());
        }
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(Claims::new().subject("harriet").audience_verified())
    }
}

#[test]
fn unknown_tokens_leave_memory_bounded_and_the_valid_token_cached() {
    alone(async {
        let number =
            |name| std::env::var(name).ok().map(|value| value.parse::<u64>().expect("the variable is a number"));
        let full = number("MEMORY_FULL").is_some_and(|full| full > 0);
        let tokens = number("MEMORY_GARBAGE").unwrap_or(if full { 1_000_000 } else { 50_000 });
        let validator = OneToken::default();
        let server = Server::new("toolgate-tests", &SCOPES)
            .skip_preflight()
            .auth(validator.clone())
            .token_cache(|cache| {
                cache.ttl = Some(Duration::from_hours(1));
                cache.max_tokens = MAX_CACHED_TOKENS;
            })
            .state(ToolBodies::default());
        let client = InProcessClient::new(server);
        assert_eq!(client.list("valid").await.status, 200);
        let warm_up = (4 * MAX_CACHED_TOKENS).min(tokens / 2);
        let mut warm = 0;
        for i in 0..tokens {
            if i == warm_up {
                warm = heap_bytes();
            }
            assert_eq!(client.list(&format!("unknown-{i}")).await.status, 401);
        }
        let end = heap_bytes();
        assert_eq!(client.list("valid").await.status, 200);
        assert_eq!(validator.0.load(Ordering::SeqCst), 1, "the valid token stays cached");
        println!(
            "{tokens} tokens: {} KiB on the heap after the first {warm_up}, {} KiB at the end",
            warm >> 10,
            end >> 10
        );
        assert!(end <= warm + MAX_GROWTH_BYTES, "{warm} bytes after {warm_up} tokens, {end} after {tokens}");
    });
}

#[test]
fn unsigned_webhooks_in_chunks_of_one_byte_leave_memory_bounded() {
    alone(async {
        const DELIVERIES: usize = 64;
        const BYTES: usize = 8 * 1024;
        // For each of 16 deliveries: a body with twice its size, and the buffers of a connection.
        const MAX_GROWTH_BYTES: usize = 16 * (2 * 16 + 2 * 64) * 1024;
        let server = TestServer::with(|server| server.auth(WithWebhooks::new(StaticTokens::new()))).await;
        let delivery = WebhookDelivery::user_disabled(&server.url, "msg_1", "harriet").raw_request();
        let request = delivery.header("Transfer-Encoding", "chunked").body("1\r\nx\r\n".repeat(BYTES));
        let before = heap_bytes();
        let mut deliveries = JoinSet::new();
        for _ in 0..DELIVERIES {
            let mut stream = request.open(server.address).await;
            deliveries.spawn(async move { read_to_end(&mut stream).await });
        }
        let (mut heap, mut unchanged) = (0, 0);
        eventually("the server has read everything that was sent", async || {
            let previous = std::mem::replace(&mut heap, heap_bytes());
            unchanged = if heap == previous { unchanged + 1 } else { 0 };
            unchanged == 20
        })
        .await;
        println!("{DELIVERIES} deliveries of {BYTES} bytes: {} KiB on the heap", heap.saturating_sub(before) >> 10);
        assert!(heap <= before + MAX_GROWTH_BYTES, "{before} bytes before, {heap} after");
        for _ in 0..DELIVERIES - 16 {
            assert!(deliveries.join_next().await.unwrap().unwrap().starts_with("HTTP/1.1 503 "));
        }
    });
}

/// Sends a message to a server in process as a user, whose token is the number.
async fn post(router: &Router, user: usize, revision: Revision, method: &str, params: Value) -> Response<Body> {
    let mut request = Request::post(format!("{}/mcp", InProcessClient::SERVER_URL))
        .header("Host", InProcessClient::SERVER_URL.trim_start_matches("http://"))
        .header("Authorization", format!("Bearer {user}"));
    if revision == Revision::Modern {
        request = request.header("Mcp-Method", method);
    }
    for (name, value) in revision.headers() {
        request = request.header(name, value);
    }
    let message = revision.message(method, params).to_string();
    let Ok(response) = router.clone().oneshot(request.body(Body::from(message)).unwrap()).await;
    assert_eq!(response.status(), 200);
    response
}

/// Opens a subscription to the list of tools, and reads its acknowledgment.
async fn listen(router: &Router, user: usize) -> BodyDataStream {
    let params = json!({ "notifications": { "toolsListChanged": true } });
    let response = post(router, user, Revision::Modern, "subscriptions/listen", params).await;
    let mut stream = response.into_body().into_data_stream();
    assert!(stream.next().await.unwrap().unwrap().starts_with(b"data:"), "the acknowledgment");
    stream
}

/// Opens a session, which then has no request.
async fn open_session(router: &Router, user: usize) {
    let params = json!({
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" },
    });
    let response = post(router, user, Revision::Legacy, "initialize", params).await;
    assert!(response.headers().contains_key("mcp-session-id"));
    let result = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    assert!(result.starts_with(b"{"), "{result:?}");
}

/// Returns a server whose users have their numbers as tokens.
fn server_of_users(users: usize) -> Server {
    let mut tokens = StaticTokens::new();
    for user in 0..users {
        let user = user.to_string();
        tokens = tokens.token(user.clone(), Claims::new().subject(user).audience_verified());
    }
    Server::new("toolgate-tests", &SCOPES)
        .skip_preflight()
        .server_url(InProcessClient::SERVER_URL)
        .auth(tokens)
        .state(ToolBodies::default())
}

#[test]
fn an_open_subscription_takes_at_most_64_kib() {
    alone(async {
        const STREAMS: usize = 1_000;
        const MAX_BYTES: usize = 64 << 10;
        let server = server_of_users(STREAMS).limits(|limits| limits.max_streams = STREAMS);
        let router = server.build().unwrap().into_router();
        let mut streams = vec![listen(&router, 0).await];
        let before = heap_bytes();
        for user in 1..STREAMS {
            streams.push(listen(&router, user).await);
        }
        let bytes = (heap_bytes() - before) / (STREAMS - 1);
        println!("{bytes} bytes for each of {STREAMS} streams");
        assert!(bytes <= MAX_BYTES, "{bytes} bytes for each stream");
    });
}

#[test]
fn an_idle_session_takes_at_most_64_kib() {
    alone(async {
        const SESSIONS: usize = 1_000;
        const MAX_BYTES: usize = 64 << 10;
        let server = server_of_users(SESSIONS).sessions(|sessions| sessions.max_sessions = SESSIONS);
        let router = server.build().unwrap().into_router();
        open_session(&router, 0).await;
        let before = heap_bytes();
        for user in 1..SESSIONS {
            open_session(&router, user).await;
        }
        let bytes = (heap_bytes() - before) / (SESSIONS - 1);
        println!("{bytes} bytes for each of {SESSIONS} sessions");
        assert!(bytes <= MAX_BYTES, "{bytes} bytes for each session");
    });
}
