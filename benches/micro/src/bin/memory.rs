//! Target P7: the memory of a cached token beyond the JSON of its introspection response, with a million tokens.

use std::{alloc::System, process::ExitCode};

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, Stats, StatsAlloc};
use toolgate::{__bench::Tokens, auth::BearerToken};
use toolgate_micro::{AcceptAll, claims, list, validations};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const MAX_BYTES: f64 = 300.0;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let tokens: usize = std::env::args().nth(1).and_then(|tokens| tokens.parse().ok()).unwrap_or(1_000_000);
    let text = |number: usize| format!("{number:012}-c29tZSB0b2tlbiBvZiBhIHJlYWwgbGVuZ3Ro");

    let response_bytes = serde_json::to_vec(&claims(&text(0)).raw).map_or(0, |json| json.len());

    let cache = Tokens::new(AcceptAll, list(10), 2_000_000);
    let region = Region::new(ALLOCATOR);
    for number in 0..tokens {
        let Ok(token) = BearerToken::parse(&text(number)) else { return ExitCode::FAILURE };
        if !cache.authenticate(&token).await {
            return ExitCode::FAILURE;
        }
    }
    let all = retained_bytes(region.change()) / as_f64(tokens);
    let beyond = all - as_f64(response_bytes);
    // A token that was evicted is validated a second time.
    for number in 0..tokens {
        let Ok(token) = BearerToken::parse(&text(number)) else { return ExitCode::FAILURE };
        cache.authenticate(&token).await;
    }
    let validations = validations();
    println!(
        "P7   {tokens} tokens, {validations} validations: {all:.0} bytes per token, for a response of {response_bytes}"
    );
    let met = beyond <= MAX_BYTES && validations == tokens;
    println!(
        "P7   {beyond:.0} bytes beyond the response, target <= {MAX_BYTES}: {}",
        if met { "met" } else { "NOT MET" }
    );
    if met { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Bytes that were allocated and not deallocated.
fn retained_bytes(stats: Stats) -> f64 {
    as_f64(stats.bytes_allocated) - as_f64(stats.bytes_deallocated)
}

fn as_f64(number: usize) -> f64 {
    number as f64
}
