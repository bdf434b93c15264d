//! Bounded queue to the writer thread of the audit file.

use std::{
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::rotating_file::{LineBuffer, RotatingFile};
use crate::metrics;

/// Size from which the queue is full, in bytes. Threads that record then wait, so no request proceeds without its
/// record.
const MAX_QUEUED_BYTES: usize = 4 * 1024 * 1024;
/// Time between a failed write and the next attempt.
const RETRY_INTERVAL: Duration = Duration::from_millis(250);
/// Time after [`Queue::close`] for which failed writes are retried.
const CLOSE_TIMEOUT: Duration = if cfg!(test) { Duration::from_millis(500) } else { Duration::from_secs(5) };

/// Queue of lines, shared by the threads that record and the writer thread. It drops no lines; a full queue blocks.
pub(super) struct Queue {
    state: Mutex<State>,
    /// Notified when there are lines to write, and on close.
    not_empty: Condvar,
    /// Notified when the writer thread has taken the lines, and when it ends.
    not_full: Condvar,
}

struct State {
    lines: Vec<u8>,
    closed_at: Option<Instant>,
    /// File, returned by the writer thread when it ends. From then on, lines are written synchronously.
    file: Option<RotatingFile>,
}

impl Queue {
    /// Creates a queue and starts its writer thread.
    pub(super) fn start(file: RotatingFile) -> io::Result<(Arc<Self>, JoinHandle<()>)> {
        let state = State { lines: Vec::new(), closed_at: None, file: None };
        let queue = Arc::new(Self { state: Mutex::new(state), not_empty: Condvar::new(), not_full: Condvar::new() });
        let writer = Writer { queue: Arc::clone(&queue), file, buffer: LineBuffer::default(), is_retrying: false };
        let thread = thread::Builder::new().name("toolgate-audit".to_owned()).spawn(|| writer.run())?;
        Ok((queue, thread))
    }

    /// Appends a line, which includes its newline. Blocks while the queue is full.
    pub(super) fn push(&self, line: &[u8]) {
        let mut state = self.lock();
        while state.lines.len() >= MAX_QUEUED_BYTES && state.file.is_none() {
            state = self.not_full.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let was_empty = state.lines.is_empty();
        state.lines.extend_from_slice(line);
        if state.file.is_some() {
            state.write_lines();
        } else if was_empty {
            self.not_empty.notify_one();
        }
    }

    /// Ends the writer thread once it has written all lines.
    pub(super) fn close(&self) {
        self.lock().closed_at = Some(Instant::now());
        self.not_empty.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Writes all lines on the current thread, after the writer thread has ended.
    fn write_lines(&mut self) {
        let Some(file) = &mut self.file else { return };
        let mut buffer = LineBuffer::default();
        buffer.refill(&mut self.lines);
        if let Err(error) = file.write(&mut buffer) {
            log_lost_lines(buffer.line_count(), &error);
        }
    }
}

struct Writer {
    queue: Arc<Queue>,
    file: RotatingFile,
    buffer: LineBuffer,
    is_retrying: bool,
}

impl Writer {
    fn run(mut self) {
        loop {
            let mut state = self.queue.lock();
            while state.lines.is_empty() && state.closed_at.is_none() {
                state = self.queue.not_empty.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if state.lines.is_empty() {
                // Return the file under the same lock, so that a later `push` finds either this thread or the file.
                let sync = self.file.sync();
                state.file = Some(self.file);
                drop(state);
                self.queue.not_full.notify_all();
                if let Err(error) = sync {
                    tracing::error!(%error, "cannot flush the audit log to disk; its last records may be lost");
                }
                return;
            }
            self.buffer.refill(&mut state.lines);
            drop(state);
            self.queue.not_full.notify_all();
            self.write();
        }
    }

    /// Writes the buffer and retries failed writes: without a limit while the queue is open, then for
    /// [`CLOSE_TIMEOUT`].
    fn write(&mut self) {
        while let Err(error) = self.file.write(&mut self.buffer) {
            metrics::audit_write_failed();
            if !self.is_retrying {
                tracing::error!(%error, "cannot write the audit log; retrying (requests wait while the queue is full)");
            }
            self.is_retrying = true;
            let closed_at = self.queue.lock().closed_at;
            if closed_at.is_some_and(|at| at.elapsed() > CLOSE_TIMEOUT) {
                log_lost_lines(self.buffer.line_count(), &error);
                self.buffer = LineBuffer::default();
                return;
            }
            thread::sleep(RETRY_INTERVAL);
        }
        if std::mem::take(&mut self.is_retrying) {
            tracing::info!("the audit log is written again; no record was lost");
        }
    }
}

fn log_lost_lines(lines: usize, error: &io::Error) {
    tracing::error!(lines, %error, "cannot write the last records of the audit log; they are lost");
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::{super::rotating_file::Rotation, *};

    #[test]
    fn a_full_queue_blocks_until_it_is_closed() {
        // Every write to `/dev/full` fails with ENOSPC.
        let rotation = Rotation { max_bytes: u64::MAX, daily: false, keep: 1 };
        let file = RotatingFile::open("/dev/full".into(), rotation).unwrap();
        let (queue, writer) = Queue::start(file).unwrap();
        let mut line = vec![b'x'; 1024 * 1024];
        line.push(b'\n');
        let pushed = AtomicUsize::new(0);
        thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..20 {
                    queue.push(&line);
                    pushed.fetch_add(1, Ordering::SeqCst);
                }
            });
            while pushed.load(Ordering::SeqCst) < 4 {
                thread::yield_now();
            }
            assert!(queue.lock().lines.len() <= MAX_QUEUED_BYTES + line.len());
            // The writer thread holds at most one full queue of lines, and the queue holds another.
            assert!(pushed.load(Ordering::SeqCst) <= 11);
            queue.close();
        });
        assert!(writer.join().is_ok());
        assert_eq!(pushed.load(Ordering::SeqCst), 20);
    }
}
