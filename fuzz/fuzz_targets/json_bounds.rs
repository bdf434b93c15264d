#![no_main]

use libfuzzer_sys::Corpus;
use peak_alloc::PeakAlloc;
use rmcp::model::ClientJsonRpcMessage;
use serde_json::Value;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Memory that parsing takes in any case, such as for errors.
const FIXED_BYTES: usize = 4096;

/// Returns by how many bytes the allocations grow at their peak.
fn peak<T>(parse: impl FnOnce() -> T) -> usize {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    drop(parse());
    ALLOCATOR.peak_usage().saturating_sub(before)
}

libfuzzer_sys::fuzz_target!(|input: &[u8]| -> Corpus {
    toolgate::__fuzzing::json_bounds(input);
    let Some((as_value, in_rmcp)) = toolgate::__fuzzing::json_memory(input) else { return Corpus::Keep };
    let value = peak(|| serde_json::from_slice::<Value>(input));
    assert!(value <= as_value + FIXED_BYTES, "a value takes {value} bytes, the bound is {as_value}");
    let message = peak(|| serde_json::from_slice::<ClientJsonRpcMessage>(input));
    assert!(message <= in_rmcp + FIXED_BYTES, "rmcp takes {message} bytes, the bound is {in_rmcp}");
    Corpus::Keep
});
