//! The decision, the bearer token, the cache and the challenge, with their allocations.
//!
//! The sizes of samples are given, because one or a few runs of what takes nanoseconds would measure the clock.

use divan::{AllocProfiler, Bencher, black_box};
use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use toolgate::__bench::{Refusal, Tokens, bearer};
use toolgate_micro::{Everybody, decision, list, names};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// May this caller call this tool? A thousand scopes.
#[divan::bench(args = [10, 100, 1000], sample_size = 1000)]
fn decide(bencher: Bencher<'_, '_>, tools: usize) {
    let decision = decision(tools);
    let names = names(tools);
    let mut turn = 0;
    bencher.bench_local(|| {
        turn += 7;
        decision.decide(black_box(&names[turn % tools]))
    });
}

/// Which tools may this caller call? A thousand scopes.
#[divan::bench(args = [10, 100, 1000], sample_size = 100)]
fn visible(bencher: Bencher<'_, '_>, tools: usize) {
    let decision = decision(tools);
    bencher.bench_local(|| black_box(&decision).visible());
}

/// The bearer token of a request.
#[divan::bench(sample_size = 1000)]
fn bearer_token(bencher: Bencher<'_, '_>) {
    let headers = headers();
    bencher.bench_local(|| bearer(black_box(&headers)));
}

/// From a bearer token to a caller that is remembered, among so many.
#[divan::bench(args = [1, 1000, 100_000], sample_size = 1000)]
fn cache_hit(bencher: Bencher<'_, '_>, tokens: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let known = Tokens::new(Everybody, list(10), 1_000_000);
    let tokens: Vec<_> = (0..tokens).map(token).collect();
    runtime.block_on(async {
        for token in &tokens {
            assert!(known.authenticate(token).await);
        }
    });
    let mut turn = 0;
    bencher.bench_local(|| {
        turn += 7919;
        runtime.block_on(known.authenticate(black_box(&tokens[turn % tokens.len()])))
    });
}

/// The answer to a call without the scope.
#[divan::bench(sample_size = 1000)]
fn challenge(bencher: Bencher<'_, '_>) {
    let refusal = Refusal::new("https://mcp.example.com/.well-known/oauth-protected-resource/mcp");
    bencher.bench_local(|| refusal.insufficient_scope(black_box("area000:records:read")));
}

fn token(number: usize) -> toolgate::auth::BearerToken {
    toolgate::auth::BearerToken::parse(&format!("{number:012}-c29tZSB0b2tlbiBvZiBhIHJlYWwgbGVuZ3Ro"))
        .expect("a token")
}

fn headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    let value = HeaderValue::from_static("Bearer 000000000000-c29tZSB0b2tlbiBvZiBhIHJlYWwgbGVuZ3Ro");
    headers.insert(AUTHORIZATION, value);
    headers
}
