//! Tokens that nobody issued: however many there are, memory stays bounded, and the good token stays known. Alone in its
//! process, because it looks at the memory of all of it.
//!
//! 50,000 of them; a million with `TOOLGATE_FULL=1`, or as many as `TOOLGATE_GARBAGE` says.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode},
};
use toolgate::{
    Server,
    auth::{BearerToken, Claims, TokenValidator, ValidationError, async_trait},
};
use toolgate_tests::{Probe, SCOPES};
use tower::Service;

/// How many inactive tokens the server remembers here.
const REMEMBERED: u64 = 5_000;
/// In bytes. The least that could leak is the digest and the place of each token, some 100 bytes: of a million, 100 MB.
const SLACK: u64 = 8 << 20;

/// Knows one token.
#[derive(Clone, Default)]
struct One(Arc<AtomicUsize>);

#[async_trait]
impl TokenValidator for One {
    async fn validate(&self, token: &BearerToken) -> Result<Claims, ValidationError> {
        if token.expose() != "good" {
            return Err(ValidationError::Inactive);
        }
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(Claims::new().subject("harriet").audience_verified())
    }
}

/// What of this process is in memory, in bytes.
fn resident() -> u64 {
    let pages: u64 = fs::read_to_string("/proc/self/statm").unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let smaps = fs::read_to_string("/proc/self/smaps").unwrap();
    let page = smaps.lines().find_map(|line| line.strip_prefix("KernelPageSize:")).unwrap();
    let kilobytes: u64 = page.trim().trim_end_matches("kB").trim().parse().unwrap();
    pages * kilobytes * 1024
}

async fn list(router: &mut Router, token: &str) -> StatusCode {
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let request = Request::post("/mcp")
        .header("Host", "127.0.0.1:8000")
        .header("Authorization", format!("Bearer {token}"))
        .header("Content-Type", "application/json")
        .header("Accept", "application/json, text/event-stream")
        .header("MCP-Protocol-Version", "2025-11-25")
        .body(Body::from(body))
        .unwrap();
    // A router takes requests whenever they come.
    router.call(request).await.unwrap().status()
}

#[tokio::test]
async fn tokens_that_nobody_issued_leave_memory_bounded_and_the_good_token_known() {
    let number = |name| std::env::var(name).ok().map(|value| value.parse::<u64>().expect("a number"));
    let full = number("TOOLGATE_FULL").is_some_and(|full| full > 0);
    let garbage = number("TOOLGATE_GARBAGE").unwrap_or(if full { 1_000_000 } else { 50_000 });
    let validator = One::default();
    let server = Server::new("toolgate-tests", &SCOPES)
        .server_url("http://127.0.0.1:8000")
        .skip_preflight()
        .auth(validator.clone())
        .cache_ttl(std::time::Duration::from_hours(1))
        .max_cached_tokens(REMEMBERED)
        .state(Probe::default());
    let mut router = server.build().unwrap().into_router();
    assert_eq!(list(&mut router, "good").await, StatusCode::OK);
    let warm_up = (4 * REMEMBERED).min(garbage / 2);
    let mut warm = 0;
    for i in 0..garbage {
        if i == warm_up {
            warm = resident();
        }
        assert_eq!(list(&mut router, &format!("garbage-{i}")).await, StatusCode::UNAUTHORIZED);
    }
    let end = resident();
    assert_eq!(list(&mut router, "good").await, StatusCode::OK);
    assert_eq!(validator.0.load(Ordering::SeqCst), 1, "the good token was asked about once");
    println!("{garbage} tokens: {} KiB resident after the first {warm_up}, {} KiB at the end", warm >> 10, end >> 10);
    assert!(end <= warm + SLACK, "{warm} bytes after {warm_up} tokens, {end} after {garbage}");
}
