//! Bounded queue to the thread that writes standard error.
//!
//! `tracing-appender` is not used: its queue is bounded by lines and not by bytes, and its guard prints to standard
//! output, which panics if that is closed.

use std::{
    fmt,
    io::{self, Write},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use tracing_subscriber::fmt::MakeWriter;

/// Maximum size of the lines that wait, in bytes. The writer thread holds at most as many again.
const MAX_BYTES: usize = 1024 * 1024;
/// Time for which the writer thread lets lines collect, so that it is not woken for each line.
const COLLECTION_TIME: Duration = Duration::from_millis(1);
/// Maximum time that [`StderrQueue::flush`] waits.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// Queue of lines. A line that does not fit is lost.
pub(super) struct StderrQueue {
    state: Mutex<State>,
    /// Notified when there are lines to write.
    not_empty: Condvar,
    /// Notified when the writer thread has written the lines that it took.
    written: Condvar,
}

#[derive(Default)]
struct State {
    lines: Vec<u8>,
    is_writing: bool,
    /// Number of lines that were lost since the writer thread took lines.
    lost: u64,
}

/// Format of the line that the queue itself adds.
#[derive(Clone, Copy, Debug)]
pub(super) enum LostLines {
    Text,
    Json,
}

impl StderrQueue {
    /// Creates a queue and starts the thread that writes to `output`. Errors of `output` are ignored.
    pub(super) fn start(output: impl Write + Send + 'static, format: LostLines) -> io::Result<Arc<Self>> {
        let queue = Arc::new(Self { state: Mutex::default(), not_empty: Condvar::new(), written: Condvar::new() });
        let writer = Arc::clone(&queue);
        thread::Builder::new().name("toolgate-log".to_owned()).spawn(move || writer.run(output, format))?;
        Ok(queue)
    }

    /// Appends a line, which includes its newline, without waiting for the output.
    fn push(&self, line: &[u8]) {
        let mut state = self.lock();
        if state.lines.len() + line.len() > MAX_BYTES {
            state.lost += 1;
            return;
        }
        if state.lines.is_empty() {
            self.not_empty.notify_one();
        }
        state.lines.extend_from_slice(line);
    }

    /// Waits until all lines are written, for at most [`FLUSH_TIMEOUT`].
    pub(super) fn flush(&self) {
        let is_busy = |state: &mut State| state.is_writing || !state.lines.is_empty();
        drop(self.written.wait_timeout_while(self.lock(), FLUSH_TIMEOUT, is_busy));
    }

    fn run(&self, mut output: impl Write, format: LostLines) {
        let mut lines = Vec::new();
        let mut state = self.lock();
        loop {
            while state.lines.is_empty() {
                state = self.not_empty.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            drop(state);
            thread::sleep(COLLECTION_TIME);
            state = self.lock();
            std::mem::swap(&mut state.lines, &mut lines);
            let lost = std::mem::take(&mut state.lost);
            state.is_writing = true;
            drop(state);
            if lost > 0 {
                let message =
                    format!("{lost} lines of the log are lost: they were logged faster than they were read");
                let _ = match format {
                    LostLines::Text => writeln!(lines, "{message}"),
                    LostLines::Json => writeln!(
                        lines,
                        "{{\"level\":\"WARN\",\"target\":\"toolgate::logging\",\"message\":\"{message}\"}}"
                    ),
                };
            }
            let _ = output.write_all(&lines);
            lines.clear();
            state = self.lock();
            state.is_writing = false;
            self.written.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for StderrQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StderrQueue").finish_non_exhaustive()
    }
}

/// Returns standard error without the lock of [`io::stderr`], which the writer thread would hold while it blocks.
#[cfg(unix)]
pub(super) fn stderr() -> Box<dyn Write + Send> {
    use std::{fs::File, os::fd::AsFd};
    match io::stderr().as_fd().try_clone_to_owned() {
        Ok(descriptor) => Box::new(File::from(descriptor)),
        Err(_) => Box::new(io::stderr()),
    }
}

/// Returns standard error.
#[cfg(not(unix))]
pub(super) fn stderr() -> Box<dyn Write + Send> {
    Box::new(io::stderr())
}

/// Writer of the `fmt` layer, which writes a whole line in one call.
pub(super) struct StderrWriter(pub(super) Arc<StderrQueue>);

impl<'a> MakeWriter<'a> for StderrWriter {
    type Writer = LineWriter<'a>;

    fn make_writer(&'a self) -> LineWriter<'a> {
        LineWriter(&self.0)
    }
}

/// Writer of one line.
pub(super) struct LineWriter<'a>(&'a StderrQueue);

impl Write for LineWriter<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// Output that sends what is written, and waits for a permission before each write.
    struct SlowOutput {
        permissions: Receiver<()>,
        written: Sender<Vec<u8>>,
    }

    impl Write for SlowOutput {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.permissions.recv().map_err(|_| io::ErrorKind::BrokenPipe)?;
            let _ = self.written.send(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_output_that_blocks_loses_lines_and_bounds_memory() {
        let ((permit, permissions), (written, output)) = (channel(), channel());
        let queue = StderrQueue::start(SlowOutput { permissions, written }, LostLines::Text).unwrap();
        queue.push(b"first\n");
        // The writer thread takes the first line and blocks.
        while !queue.lock().is_writing {
            thread::yield_now();
        }
        let line = [[b'x'; 1023].as_slice(), b"\n"].concat();
        for _ in 0..5000 {
            queue.push(&line);
        }
        let state = queue.lock();
        assert_eq!((state.lines.len(), state.lost), (MAX_BYTES, 5000 - 1024));
        drop(state);
        for _ in 0..2 {
            permit.send(()).unwrap();
        }
        assert_eq!(output.recv().unwrap(), b"first\n");
        let rest = String::from_utf8(output.recv().unwrap()).unwrap();
        assert_eq!(rest.lines().count(), 1024 + 1);
        assert!(rest.lines().last().unwrap().starts_with("3976 lines of the log are lost"));
    }

    #[test]
    fn a_closed_output_loses_lines_and_the_queue_still_drains() {
        let ((_, permissions), (written, _)) = (channel(), channel());
        let queue = StderrQueue::start(SlowOutput { permissions, written }, LostLines::Text).unwrap();
        for _ in 0..3 {
            queue.push(b"line\n");
            queue.flush();
            assert!(queue.lock().lines.is_empty());
        }
    }
}
