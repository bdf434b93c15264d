//! Micro-benchmarks of the decision, bearer token parsing, the token cache and the challenge, with their allocations.
//!
//! The sample sizes are fixed: for functions that take nanoseconds, a small sample would measure the clock.

use divan::{AllocProfiler, Bencher, black_box};
use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use toolgate::__bench::{Rejection, Tokens, bearer};
use toolgate_micro::{AcceptAll, decision, list, names};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// Decides whether a caller may call a tool, with 1,000 scopes.
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

/// Counts the tools that a caller may call, with 1,000 scopes.
#[divan::bench(args = [10, 100, 1000], sample_size = 100)]
fn visible(bencher: Bencher<'_, '_>, tools: usize) {
    let decision = decision(tools);
    bencher.bench_local(|| black_box(&decision).visible());
}

/// Parses the bearer token of a request.
#[divan::bench(sample_size = 1000)]
fn bearer_token(bencher: Bencher<'_, '_>) {
    let headers = headers();
    bencher.bench_local(|| bearer(black_box(&headers)));
}

/// Looks up the caller of a cached token among the given number of tokens.
#[divan::bench(args = [1, 1000, 100_000], sample_size = 1000)]
fn cache_hit(bencher: Bencher<'_, '_>, tokens: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("the runtime starts");
    let cache = Tokens::new(AcceptAll, list(10), 1_000_000);
    let tokens: Vec<_> = (0..tokens).map(token).collect();
    runtime.block_on(async {
        for token in &tokens {
            assert!(cache.authenticate(token).await);
        }
    });
    let mut turn = 0;
    bencher.bench_local(|| {
        turn += 7919;
        runtime.block_on(cache.authenticate(black_box(&tokens[turn % tokens.len()])))
    });
}

/// Creates the response to a call without the scope.
#[divan::bench(sample_size = 1000)]
fn challenge(bencher: Bencher<'_, '_>) {
    let rejection = Rejection::new("https://mcp.example.com/.well-known/oauth-protected-resource/mcp");
    bencher.bench_local(|| rejection.insufficient_scope(black_box("area000:records:read")));
}

fn token(number: usize) -> toolgate::auth::BearerToken {
    toolgate::auth::BearerToken::parse(&format!("{number:012}-c29tZSB0b2tlbiBvZiBhIHJlYWwgbGVuZ3Ro"))
        .expect("the token is valid")
}

fn headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    let value = HeaderValue::from_static("Bearer 000000000000-c29tZSB0b2tlbiBvZiBhIHJlYWwgbGVuZ3Ro");
    headers.insert(AUTHORIZATION, value);
    headers
}
