//! Target P5: the duration of a decision, which must not allocate and must not depend on the number of tools.

use std::{alloc::System, hint::black_box, process::ExitCode, time::Instant};

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use toolgate_micro::{decision, names};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const DECISIONS: usize = 20_000;
const BATCHES: usize = 101;
const MAX_NANOSECONDS: f64 = 50.0;
/// Maximum ratio of the durations with 1,000 and with 10 tools. It is above 1 because of cache misses.
const MAX_GROWTH: f64 = 1.5;

fn main() -> ExitCode {
    let sizes = [10, 100, 1000];
    let mut met = true;
    for allowed in [true, false] {
        let sets = sizes.map(|tools| {
            let decision = decision(tools);
            let names: Vec<_> = names(tools).into_iter().filter(|name| decision.decide(name) == allowed).collect();
            (decision, names)
        });
        let mut times = sizes.map(|_| Vec::with_capacity(BATCHES));
        let region = Region::new(ALLOCATOR);
        // The sizes take turns, so that a slow moment of the machine affects all of them.
        for _ in 0..BATCHES {
            for ((decision, names), times) in sets.iter().zip(&mut times) {
                let start = Instant::now();
                for turn in 0..DECISIONS {
                    black_box(decision.decide(black_box(&names[turn * 7 % names.len()])));
                }
                times.push(start.elapsed().as_nanos() as f64 / DECISIONS as f64);
            }
        }
        let allocations = region.change().allocations;
        let medians = times.map(|mut times| {
            times.sort_by(f64::total_cmp);
            times[BATCHES / 2]
        });
        let outcome = if allowed { "allowed" } else { "rejected" };
        for (tools, median) in sizes.iter().zip(medians) {
            println!("P5   {outcome}, {tools:5} tools, 1000 scopes: {median:.1} ns");
        }
        let [few, _, many] = medians;
        println!("P5   {outcome}, growth from 10 to 1000 tools: {:.2}", many / few);
        let per_decision = allocations as f64 / (DECISIONS * BATCHES * sizes.len()) as f64;
        println!("P5   {outcome}, allocations per decision: {per_decision:.2}");
        met &= many <= MAX_NANOSECONDS && many / few <= MAX_GROWTH && allocations == 0;
    }
    println!(
        "P5   target <= {MAX_NANOSECONDS} ns, no allocation, growth <= {MAX_GROWTH}: {}",
        if met { "met" } else { "NOT MET" }
    );
    if met { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
