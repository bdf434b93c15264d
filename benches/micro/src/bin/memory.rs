//! P7: what a remembered token takes beyond the answer about it, with a million of them.

use std::{alloc::System, process::ExitCode};

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, Stats, StatsAlloc};
use toolgate::{__bench::Tokens, auth::BearerToken};
use toolgate_micro::{Everybody, asked, claims, list};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const BYTES: f64 = 300.0;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let tokens: usize = std::env::args().nth(1).and_then(|tokens| tokens.parse().ok()).unwrap_or(1_000_000);
    let text = |number: usize| format!("{number:012}-c29tZSB0b2tlbiBvZiBhIHJlYWwgbGVuZ3Ro");

    // The claims that an answer holds: its JSON.
    let answer = serde_json::to_vec(&claims(&text(0)).raw).map_or(0, |json| json.len());

    let known = Tokens::new(Everybody, list(10), 2_000_000);
    let region = Region::new(ALLOCATOR);
    for number in 0..tokens {
        let Ok(token) = BearerToken::parse(&text(number)) else { return ExitCode::FAILURE };
        if !known.authenticate(&token).await {
            return ExitCode::FAILURE;
        }
    }
    let all = kept(region.change()) / as_f64(tokens);
    let beyond = all - as_f64(answer);
    // Whatever was dropped again would have to be asked about.
    for number in 0..tokens {
        let Ok(token) = BearerToken::parse(&text(number)) else { return ExitCode::FAILURE };
        known.authenticate(&token).await;
    }
    let asked = asked();
    println!("P7   {tokens} tokens, asked {asked} times: {all:.0} bytes each, for an answer of {answer}");
    let met = beyond <= BYTES && asked == tokens;
    println!("P7   {beyond:.0} bytes beyond the answer, target <= {BYTES}: {}", if met { "met" } else { "NOT MET" });
    if met { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Bytes that were taken and not given back.
fn kept(stats: Stats) -> f64 {
    as_f64(stats.bytes_allocated) - as_f64(stats.bytes_deallocated)
}

#[allow(clippy::cast_precision_loss)]
fn as_f64(number: usize) -> f64 {
    number as f64
}
