//! Record of what runs during a call: rules, arguments, conditions, guards and bodies.

use std::cell::RefCell;

thread_local! {
    // A `#[tokio::test]` and the server in its process run on one thread, so tests do not see each other's steps.
    static STEPS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Records that a step runs on this thread.
pub fn record_step(step: impl Into<String>) {
    STEPS.with_borrow_mut(|steps| steps.push(step.into()));
}

/// Returns the steps that have run on this thread, in their order, and removes them from the record.
pub fn take_steps() -> Vec<String> {
    STEPS.take()
}
