//! Bounded queue to the writer thread of the audit file.
//!
//! Recording never waits for the disk. Instead, the [level](Level) of the file tells the gate to reject calls before
//! the queue is full, so that the records of the calls in flight still fit.

use std::{
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::{
    availability::{FileLevel, Level},
    rotating_file::{LineBuffer, RotatingFile},
};
use crate::metrics;

/// Default of the maximum size of the records in memory, in bytes.
pub(super) const DEFAULT_MAX_BYTES: usize = 4 * 1024 * 1024;
/// Time for which the writer thread lets records collect. To wake it for each record would cost a call several times
/// what the call itself does.
const COLLECTION_TIME: Duration = Duration::from_millis(5);
/// Time between a failed write and the next attempt.
const RETRY_INTERVAL: Duration = Duration::from_millis(250);
/// Number of failed writes in a row after which calls are rejected, 5 seconds after the first.
const MAX_FAILURES: u32 = 20;
/// Maximum time that [`Queue::close`] waits for the disk.
const CLOSE_TIMEOUT: Duration = if cfg!(test) { Duration::from_secs(1) } else { Duration::from_secs(5) };

/// Queue of lines, shared by the threads that record and the writer thread.
pub(super) struct Queue {
    state: Mutex<State>,
    /// Notified when there are lines to write, and on close.
    not_empty: Condvar,
    /// Notified when the writer thread ends.
    ended: Condvar,
}

/// Sizes of the records in memory, in bytes.
#[derive(Clone, Copy)]
struct Limits {
    /// Maximum. A record that does not fit is lost.
    max: usize,
    /// Size above which calls are rejected. The rest is for calls in flight: by default, two records of 1 KiB for each of
    /// 1024. A request to a route of an app has two if its handler requires a further scope.
    for_calls: usize,
    /// Size above which calls are rejected while writes fail.
    while_failing: usize,
    /// Size above which rejections that anybody can cause are only counted.
    for_strangers: usize,
}

impl Limits {
    fn new(max: usize) -> Self {
        Self { max, for_calls: max / 2, while_failing: max / 16, for_strangers: max / 4 }
    }
}

struct State {
    limits: Limits,
    /// Lines that the writer thread has not taken.
    lines: Vec<u8>,
    /// Size of the lines that the writer thread has taken and not written, in bytes.
    taken: usize,
    /// Number of failed writes since the last one that succeeded.
    failures: u32,
    /// Number of lines that did not fit into the queue since the last write that succeeded.
    lost: u64,
    level: FileLevel,
    closed_at: Option<Instant>,
    has_ended: bool,
    /// File, returned by the writer thread when it ends. From then on, lines are written synchronously.
    file: Option<RotatingFile>,
}

impl Queue {
    /// Creates a queue of at most `max_bytes` and starts its writer thread.
    pub(super) fn start(file: RotatingFile, max_bytes: usize) -> io::Result<(Arc<Self>, JoinHandle<()>)> {
        let state = State {
            limits: Limits::new(max_bytes),
            lines: Vec::new(),
            taken: 0,
            failures: 0,
            lost: 0,
            level: FileLevel::new(),
            closed_at: None,
            has_ended: false,
            file: None,
        };
        let queue = Arc::new(Self { state: Mutex::new(state), not_empty: Condvar::new(), ended: Condvar::new() });
        let writer = Writer { queue: Arc::clone(&queue), file, buffer: LineBuffer::default() };
        let thread = thread::Builder::new().name("toolgate-audit".to_owned()).spawn(|| writer.run())?;
        Ok((queue, thread))
    }

    /// Appends a line, which includes its newline, without waiting for the disk. A line that does not fit is lost and
    /// counted.
    pub(super) fn push(&self, line: &[u8]) {
        let mut state = self.lock();
        if state.pending() + line.len() > state.limits.max {
            state.lost += 1;
            metrics::audit_records_lost(1);
            return;
        }
        let was_empty = state.lines.is_empty();
        state.lines.extend_from_slice(line);
        if state.file.is_some() {
            state.write_lines();
        } else if was_empty {
            self.not_empty.notify_one();
        }
        state.update_level();
    }

    /// Ends the writer thread once it has written all lines. Waits for it for at most [`CLOSE_TIMEOUT`], and returns
    /// whether it has ended.
    pub(super) fn close(&self) -> bool {
        let mut state = self.lock();
        state.closed_at = Some(Instant::now());
        self.not_empty.notify_one();
        let waited = self.ended.wait_timeout_while(state, CLOSE_TIMEOUT, |state| !state.has_ended);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let (has_ended, bytes) = (state.has_ended, state.pending());
        drop(state);
        if !has_ended {
            tracing::error!(
                bytes,
                "the disk did not take the last records of the audit log within {CLOSE_TIMEOUT:?}; they are lost if \
                 the process exits"
            );
        }
        has_ended
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Size of the lines in memory, in bytes.
    fn pending(&self) -> usize {
        self.lines.len() + self.taken
    }

    fn update_level(&mut self) {
        let (pending, is_failing, limits) = (self.pending(), self.failures > 0, self.limits);
        let is_failing_for_long = self.failures >= MAX_FAILURES || is_failing && pending > limits.while_failing;
        self.level.set(if pending > limits.for_calls || is_failing_for_long {
            Level::Unavailable
        } else if is_failing || pending > limits.for_strangers {
            Level::Behind
        } else {
            Level::KeepsUp
        });
    }

    /// Writes all lines on the current thread, after the writer thread has ended.
    fn write_lines(&mut self) {
        let Some(file) = &mut self.file else { return };
        let mut buffer = LineBuffer::default();
        buffer.refill(&mut self.lines);
        match file.write(&mut buffer) {
            Ok(()) => self.failures = 0,
            Err(error) => {
                // Nothing retries this write, so no further call may run.
                self.failures = MAX_FAILURES;
                report_lost_lines(buffer.line_count(), &error);
            }
        }
    }
}

struct Writer {
    queue: Arc<Queue>,
    file: RotatingFile,
    buffer: LineBuffer,
}

/// Reports the end of the writer thread when it is dropped, also if the thread panics.
struct ReportEnd(Arc<Queue>);

impl Drop for ReportEnd {
    fn drop(&mut self) {
        self.0.lock().has_ended = true;
        self.0.ended.notify_all();
    }
}

impl Writer {
    fn run(mut self) {
        let _report_end = ReportEnd(Arc::clone(&self.queue));
        loop {
            let mut state = self.queue.lock();
            while state.lines.is_empty() && state.closed_at.is_none() {
                state = self.queue.not_empty.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if state.closed_at.is_none() {
                drop(state);
                thread::sleep(COLLECTION_TIME);
                state = self.queue.lock();
            }
            if state.lines.is_empty() {
                drop(state);
                // Without the lock, because `push` must not wait for the disk.
                if let Err(error) = self.file.sync() {
                    tracing::error!(%error, "cannot flush the audit log to disk; its last records may be lost");
                }
                let mut state = self.queue.lock();
                if state.lines.is_empty() {
                    // Return the file under the same lock, so that a later `push` finds either this thread or the file.
                    state.file = Some(self.file);
                    return;
                }
                continue;
            }
            self.buffer.refill(&mut state.lines);
            state.taken = self.buffer.unwritten().len();
            drop(state);
            self.write();
        }
    }

    /// Writes the buffer and retries failed writes: without a limit while the queue is open, then until
    /// shortly before [`CLOSE_TIMEOUT`] ends.
    fn write(&mut self) {
        while let Err(error) = self.file.write(&mut self.buffer) {
            metrics::audit_write_failed();
            let mut state = self.queue.lock();
            let is_first = state.failures == 0;
            let has_progress = self.buffer.unwritten().len() < state.taken;
            state.failures = if has_progress { 1 } else { state.failures.saturating_add(1) };
            state.taken = self.buffer.unwritten().len();
            // Early enough for `close` to see the end of the thread.
            let is_over = state.closed_at.is_some_and(|at| at.elapsed() + 2 * RETRY_INTERVAL >= CLOSE_TIMEOUT);
            if is_over {
                state.taken = 0;
            }
            state.update_level();
            drop(state);
            if is_over {
                report_lost_lines(self.buffer.line_count(), &error);
                self.buffer = LineBuffer::default();
                return;
            }
            if is_first {
                tracing::error!(
                    %error,
                    "cannot write the audit log; retrying, and rejecting requests with 503 if the outage lasts"
                );
            }
            thread::sleep(RETRY_INTERVAL);
        }
        let mut state = self.queue.lock();
        state.taken = 0;
        let was_failing = std::mem::take(&mut state.failures) > 0;
        let lost = std::mem::take(&mut state.lost);
        state.update_level();
        drop(state);
        if lost > 0 {
            tracing::error!(
                records = lost,
                "the audit log is written again; records did not fit into memory and are lost"
            );
        } else if was_failing {
            tracing::info!("the audit log is written again; no record was lost");
        }
    }
}

fn report_lost_lines(lines: usize, error: &io::Error) {
    metrics::audit_records_lost(lines as u64);
    tracing::error!(lines, %error, "cannot write the last records of the audit log; they are lost");
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::{super::rotating_file::Rotation, *};

    /// Starts a queue whose every write fails with ENOSPC.
    fn start_on_full_disk() -> io::Result<(Arc<Queue>, JoinHandle<()>)> {
        let rotation = Rotation { max_bytes: u64::MAX, daily: false, keep: 1 };
        Queue::start(RotatingFile::open("/dev/full".into(), rotation)?, DEFAULT_MAX_BYTES)
    }

    fn line(len: usize) -> Vec<u8> {
        let mut line = vec![b'x'; len - 1];
        line.push(b'\n');
        line
    }

    fn wait_for_failure(queue: &Queue) {
        while queue.lock().failures == 0 {
            thread::yield_now();
        }
    }

    #[test]
    fn recording_on_a_full_disk_never_waits_and_memory_is_bounded() {
        let (queue, writer) = start_on_full_disk().unwrap();
        for _ in 0..20 {
            queue.push(&line(1024 * 1024));
        }
        let state = queue.lock();
        assert_eq!((state.pending(), state.lost), (DEFAULT_MAX_BYTES, 16));
        assert_eq!(state.level.get(), Level::Unavailable);
        drop(state);
        queue.close();
        assert!(writer.join().is_ok());
    }

    #[test]
    fn calls_are_rejected_while_there_is_room_for_the_records_of_those_in_flight() {
        let (queue, writer) = start_on_full_disk().unwrap();
        queue.push(&line(Limits::new(DEFAULT_MAX_BYTES).while_failing));
        wait_for_failure(&queue);
        assert_eq!(queue.lock().level.get(), Level::Behind, "a failed write is retried before calls are rejected");
        queue.push(&line(1));
        assert_eq!(queue.lock().level.get(), Level::Unavailable);
        // All calls that may be in flight by default.
        for _ in 0..1024 {
            queue.push(&line(1024));
        }
        assert_eq!(queue.lock().lost, 0);
        queue.close();
        assert!(writer.join().is_ok());
    }
}
