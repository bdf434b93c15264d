//! Panic hook that logs panics. The hook of the standard library writes to standard error and can block.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    panic,
    sync::Arc,
    thread,
};

use super::stderr_queue::StderrQueue;

/// Replaces the panic hook of the process.
pub(super) fn install(queue: &Arc<StderrQueue>) {
    let queue = Arc::clone(queue);
    panic::set_hook(Box::new(move |panic| {
        let backtrace = Some(Backtrace::capture()).filter(|trace| trace.status() == BacktraceStatus::Captured);
        tracing::error!(thread = thread::current().name(), backtrace = backtrace.map(display), "{panic}");
        if cfg!(panic = "abort") {
            queue.flush();
        }
    }));
}
