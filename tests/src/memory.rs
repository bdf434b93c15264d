//! Memory of this process.

use std::fs;

use stats_alloc::INSTRUMENTED_SYSTEM;

/// Returns how many bytes are allocated on the heap. The binary has to use [`INSTRUMENTED_SYSTEM`] as its allocator.
///
/// # Panics
///
/// If the binary uses another allocator.
pub fn heap_bytes() -> usize {
    let stats = INSTRUMENTED_SYSTEM.stats();
    assert!(stats.allocations > 0, "`INSTRUMENTED_SYSTEM` is not the global allocator");
    stats.bytes_allocated - stats.bytes_deallocated
}

/// Returns the resident set size in bytes.
///
/// # Panics
///
/// Outside Linux.
pub fn resident_bytes() -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("Linux has /proc");
    let size = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("the status has the resident size");
    let kilobytes: usize = size.trim().trim_end_matches(" kB").parse().expect("the size is in kB");
    kilobytes << 10
}
