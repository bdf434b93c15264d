//! Captures the log of the process in memory.

use std::{
    io::{self, Write},
    sync::{Mutex, MutexGuard, Once, PoisonError},
    thread::{self, ThreadId},
};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::util::SubscriberInitExt;

/// Log of this process from `TRACE` on, since the first call of [`CapturedLog::start`].
///
/// The subscriber is global: one that is the default of a single thread can miss events, because `tracing` caches globally
/// whether an event is of interest, and another thread may have cached that it is not.
#[derive(Clone, Copy, Debug)]
pub struct CapturedLog(());

static EVENTS: Mutex<Vec<(ThreadId, String)>> = Mutex::new(Vec::new());

impl CapturedLog {
    /// Captures the log from now on; without effect if it is captured already.
    ///
    /// # Panics
    ///
    /// If the process has another global subscriber.
    pub fn start() -> Self {
        static STARTED: Once = Once::new();
        STARTED.call_once(|| {
            let subscriber = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_ansi(false);
            subscriber.with_writer(|| EventWriter).finish().init();
        });
        Self(())
    }

    /// Returns what the current thread has logged. A `#[tokio::test]` and its server run on one thread.
    pub fn of_this_thread(self) -> String {
        let thread = thread::current().id();
        events().iter().filter(|(logged_by, _)| *logged_by == thread).map(|(_, event)| event.as_str()).collect()
    }

    /// Returns what all threads have logged.
    pub fn of_this_process(self) -> String {
        events().iter().map(|(_, event)| event.as_str()).collect()
    }
}

fn events() -> MutexGuard<'static, Vec<(ThreadId, String)>> {
    EVENTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writer of a single event: the `fmt` subscriber makes one for each and writes the whole event to it.
struct EventWriter;

impl Write for EventWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        events().push((thread::current().id(), String::from_utf8_lossy(bytes).into_owned()));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
