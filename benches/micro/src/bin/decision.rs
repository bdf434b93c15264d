//! P5: what the decision takes, and that it allocates nothing and does not grow with the number of tools.

use std::{alloc::System, hint::black_box, process::ExitCode, time::Instant};

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use toolgate_micro::{decision, names};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const DECISIONS: usize = 20_000;
const BATCHES: usize = 101;
const NANOSECONDS: f64 = 50.0;
/// How much longer a thousand tools may take than ten; memory that is further away costs something.
const GROWTH: f64 = 1.5;

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
        // In turn, so that a slow moment of the machine is everybody's.
        for _ in 0..BATCHES {
            for ((decision, names), times) in sets.iter().zip(&mut times) {
                let start = Instant::now();
                for turn in 0..DECISIONS {
                    black_box(decision.decide(black_box(&names[turn * 7 % names.len()])));
                }
                #[allow(clippy::cast_precision_loss)]
                times.push(start.elapsed().as_nanos() as f64 / DECISIONS as f64);
            }
        }
        let allocations = region.change().allocations;
        let medians = times.map(|mut times| {
            times.sort_by(f64::total_cmp);
            times[BATCHES / 2]
        });
        let answer = if allowed { "allowed" } else { "refused" };
        for (tools, median) in sizes.iter().zip(medians) {
            println!("P5   {answer}, {tools:5} tools, 1000 scopes: {median:.1} ns");
        }
        let [few, _, many] = medians;
        println!("P5   {answer}, growth from 10 to 1000 tools: {:.2}", many / few);
        #[allow(clippy::cast_precision_loss)]
        let each = allocations as f64 / (DECISIONS * BATCHES * sizes.len()) as f64;
        println!("P5   {answer}, allocations per decision: {each:.2}");
        met &= many <= NANOSECONDS && many / few <= GROWTH && allocations == 0;
    }
    println!("P5   target <= {NANOSECONDS} ns, no allocation, flat: {}", if met { "met" } else { "NOT MET" });
    if met { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
