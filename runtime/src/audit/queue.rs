//! From those who record to the one who writes: a queue that makes them wait when it is full, and drops nothing.

use std::{
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::rotating_file::{Pending, RotatingFile};
use crate::metrics;

/// How much waits for the disk, in bytes. Who records more than that waits too: what cannot be recorded is not done.
const MAX_QUEUED: usize = 4 * 1024 * 1024;
/// How long a write that failed waits for the next attempt.
const RETRY_AFTER: Duration = Duration::from_millis(250);
/// How long the end waits for a disk that does not take anything.
const LAST_ATTEMPTS: Duration = if cfg!(test) { Duration::from_millis(500) } else { Duration::from_secs(5) };

/// The queue, shared by those who record and the writer.
pub(super) struct Queue {
    state: Mutex<State>,
    /// There is something to write, or the end has come.
    work: Condvar,
    /// There is room again.
    room: Condvar,
}

struct State {
    lines: Vec<u8>,
    ending: Option<Instant>,
    /// Back from the writer after the end, for who still records then.
    file: Option<RotatingFile>,
}

impl Queue {
    /// The queue, and the thread that empties it.
    pub(super) fn start(file: RotatingFile) -> io::Result<(Arc<Self>, JoinHandle<()>)> {
        let state = State { lines: Vec::new(), ending: None, file: None };
        let queue = Arc::new(Self { state: Mutex::new(state), work: Condvar::new(), room: Condvar::new() });
        let writer = Writer { queue: Arc::clone(&queue), file, pending: Pending::default(), failing: false };
        let thread = thread::Builder::new().name("toolgate-audit".to_owned()).spawn(|| writer.run())?;
        Ok((queue, thread))
    }

    /// Takes one line, with its newline.
    pub(super) fn push(&self, line: &[u8]) {
        let mut state = self.lock();
        while state.lines.len() >= MAX_QUEUED && state.file.is_none() {
            state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let was_empty = state.lines.is_empty();
        state.lines.extend_from_slice(line);
        if state.file.is_some() {
            // The writer is gone: whoever comes now writes for themselves.
            state.write_the_rest();
        } else if was_empty {
            self.work.notify_one();
        }
    }

    /// Lets the writer finish. What is recorded from then on is written at once.
    pub(super) fn end(&self) {
        self.lock().ending = Some(Instant::now());
        self.work.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn write_the_rest(&mut self) {
        let Some(file) = &mut self.file else { return };
        let mut pending = Pending::default();
        pending.refill(&mut self.lines);
        if let Err(error) = file.write(&mut pending) {
            lost(pending.lines(), &error);
        }
    }
}

struct Writer {
    queue: Arc<Queue>,
    file: RotatingFile,
    pending: Pending,
    failing: bool,
}

impl Writer {
    fn run(mut self) {
        loop {
            let mut state = self.queue.lock();
            while state.lines.is_empty() && state.ending.is_none() {
                state = self.queue.work.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if state.lines.is_empty() {
                // The end: whoever records from now on finds the file here, under the same lock.
                let sync = self.file.sync();
                state.file = Some(self.file);
                drop(state);
                self.queue.room.notify_all();
                if let Err(error) = sync {
                    tracing::error!(%error, "the audit file was written, but the disk does not confirm it");
                }
                return;
            }
            self.pending.refill(&mut state.lines);
            drop(state);
            self.queue.room.notify_all();
            self.write();
        }
    }

    /// Tries until it is written; when the end has come, not for ever.
    fn write(&mut self) {
        while let Err(error) = self.file.write(&mut self.pending) {
            metrics::audit_write_failed();
            if !self.failing {
                tracing::error!(%error, "the audit cannot be written; it is kept and tried again, and calls will wait for it");
            }
            self.failing = true;
            let ending = self.queue.lock().ending;
            if ending.is_some_and(|since| since.elapsed() > LAST_ATTEMPTS) {
                lost(self.pending.lines(), &error);
                self.pending = Pending::default();
                return;
            }
            thread::sleep(RETRY_AFTER);
        }
        if std::mem::take(&mut self.failing) {
            tracing::info!("the audit is written again, and nothing of it was lost");
        }
    }
}

fn lost(lines: usize, error: &io::Error) {
    tracing::error!(lines, %error, "the end of the audit could not be written and is lost");
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::{super::rotating_file::Rotation, *};

    #[test]
    fn a_full_disk_makes_those_who_record_wait_and_the_end_comes_nevertheless() {
        // Every write to it fails as one to a full disk does.
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
            // What waits is at most what the writer has taken and what fills the queue.
            while pushed.load(Ordering::SeqCst) < 4 {
                thread::yield_now();
            }
            assert!(queue.lock().lines.len() <= MAX_QUEUED + line.len());
            assert!(pushed.load(Ordering::SeqCst) <= 11);
            queue.end();
        });
        assert!(writer.join().is_ok());
        assert_eq!(pushed.load(Ordering::SeqCst), 20);
    }
}
