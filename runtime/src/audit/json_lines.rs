//! Layer that writes the audit log to a file as JSON lines.

use std::{
    cell::RefCell,
    fmt,
    io::{self, Write as _},
    path::PathBuf,
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, SystemTime},
};

use chrono::{DateTime, Utc};
use serde_json::value::RawValue;
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{Layer, layer::Context};

use super::{
    TARGET,
    queue::{DEFAULT_MAX_BYTES, Queue},
    rotating_file::{RotatingFile, Rotation},
    sanitize::is_verbatim,
};

thread_local! {
    static FORMATTER: RefCell<Formatter> = RefCell::default();
}

/// Formatter of lines, reused so that a record allocates nothing.
#[derive(Default)]
struct Formatter {
    line: Vec<u8>,
    second: Second,
}

/// The second of the last line. Many lines share its text.
#[derive(Default)]
struct Second {
    since_epoch: u64,
    /// Without a fraction.
    text: String,
}

/// [`Layer`] that writes the audit log to a file. Each line is a JSON object with the fields of
/// [the table](crate::audit) and `time`, in UTC (RFC 3339).
///
/// ```no_run
/// use toolgate::{audit::JsonLines, logging};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (audit, guard) = JsonLines::file("/var/log/company/audit.jsonl").daily().keep(90).open()?;
/// let _log = logging::init_with(audit)?; // feature `logging`
///
/// // ... serve ...
///
/// drop(guard); // waits until the last line is on disk
/// # Ok(())
/// # }
/// ```
///
/// The layer works with every subscriber. A filter of the whole subscriber also applies to it, so filter the other layers
/// instead.
///
/// A separate thread writes the file, so no request waits for the disk. A failed write is retried until it succeeds. Up
/// to 4 MiB of records wait in memory ([`max_queue_bytes`](JsonLinesBuilder::max_queue_bytes)). Before they are full,
/// every server of the process rejects requests to its MCP endpoint with 503, because no call runs without its record;
/// see `docs/operations.md`. Only the owner can read the file and the rotated files. Only one process may write to a
/// file.
pub struct JsonLines {
    queue: Arc<Queue>,
}

/// Builder of a [`JsonLines`] layer.
#[derive(Clone, Debug)]
#[must_use]
pub struct JsonLinesBuilder {
    path: PathBuf,
    rotation: Rotation,
    max_queue_bytes: usize,
}

/// Guard of the writer thread. Dropping it waits until every record is on disk, for at most 5 seconds; hold it until the
/// server has stopped. Later records are written synchronously.
#[must_use = "dropping the guard closes the queue: hold it until the server has stopped"]
pub struct AuditGuard {
    queue: Arc<Queue>,
    writer: Option<JoinHandle<()>>,
}

impl JsonLines {
    /// Sets the path of the file. An existing file is appended to. By default it is rotated at 100 MiB, and the last
    /// 10 rotated files remain.
    pub fn file(path: impl Into<PathBuf>) -> JsonLinesBuilder {
        let rotation = Rotation { max_bytes: 100 * 1024 * 1024, daily: false, keep: 10 };
        JsonLinesBuilder { path: path.into(), rotation, max_queue_bytes: DEFAULT_MAX_BYTES }
    }
}

impl JsonLinesBuilder {
    /// Sets the maximum size of a file, in bytes. A full file is renamed to its name and the time, such as
    /// `audit.jsonl.20261122T200312.123456Z`. Default: 100 MiB.
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.rotation.max_bytes = bytes;
        self
    }

    /// Rotates the file at the end of each day (UTC) as well.
    pub fn daily(mut self) -> Self {
        self.rotation.daily = true;
        self
    }

    /// Sets the number of rotated files that remain; at least 1. Older ones are deleted. Default: 10.
    pub fn keep(mut self, files: usize) -> Self {
        self.rotation.keep = files.max(1);
        self
    }

    /// Sets the maximum size of the records that wait in memory for the disk, in bytes; at least 1 MiB. Calls are rejected
    /// when half of it is full, or a sixteenth while writes fail. Default: 4 MiB.
    pub fn max_queue_bytes(mut self, bytes: usize) -> Self {
        self.max_queue_bytes = bytes.max(1024 * 1024);
        self
    }

    /// Opens the file and starts the writer thread.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened for appending, or the thread cannot be started.
    pub fn open(self) -> io::Result<(JsonLines, AuditGuard)> {
        let (queue, writer) = Queue::start(RotatingFile::open(self.path, self.rotation)?, self.max_queue_bytes)?;
        Ok((JsonLines { queue: Arc::clone(&queue) }, AuditGuard { queue, writer: Some(writer) }))
    }
}

impl Drop for AuditGuard {
    fn drop(&mut self) {
        // A thread that has not ended is blocked by the disk.
        if self.queue.close() && self.writer.take().is_some_and(|writer| writer.join().is_err()) {
            tracing::error!("the writer thread of the audit log panicked");
        }
    }
}

impl fmt::Debug for JsonLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonLines").finish_non_exhaustive()
    }
}

impl fmt::Debug for AuditGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditGuard").finish_non_exhaustive()
    }
}

impl<S: Subscriber> Layer<S> for JsonLines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() != TARGET {
            return;
        }
        FORMATTER.with(|formatter| match formatter.try_borrow_mut() {
            Ok(mut formatter) => self.queue.push(formatter.line(event, SystemTime::now())),
            // Formatting a field emitted another audit event.
            Err(_) => self.queue.push(Formatter::default().line(event, SystemTime::now())),
        });
    }
}

impl Formatter {
    fn line(&mut self, event: &Event<'_>, now: SystemTime) -> &[u8] {
        let Self { line, second } = self;
        line.clear();
        line.extend_from_slice(b"{\"time\":\"");
        second.append(line, now);
        line.push(b'"');
        event.record(&mut JsonFields(line));
        line.extend_from_slice(b"}\n");
        line
    }
}

impl Second {
    /// Appends a time in UTC with microseconds (RFC 3339).
    fn append(&mut self, line: &mut Vec<u8>, time: SystemTime) {
        // A clock before 1970 has not been set.
        let time = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        if self.text.is_empty() || self.since_epoch != time.as_secs() {
            self.since_epoch = time.as_secs();
            let second = SystemTime::UNIX_EPOCH + Duration::from_secs(self.since_epoch);
            self.text = DateTime::<Utc>::from(second).format("%Y-%m-%dT%H:%M:%S").to_string();
        }
        line.extend_from_slice(self.text.as_bytes());
        // Writing into memory cannot fail.
        let _ = write!(line, ".{:06}Z", time.subsec_micros());
    }
}

/// Visitor that appends fields to an unfinished JSON object.
struct JsonFields<'a>(&'a mut Vec<u8>);

impl JsonFields<'_> {
    /// Appends a member whose value `append` writes. A member whose value fails to format itself is left out.
    fn member(&mut self, field: &Field, append: impl FnOnce(&mut Vec<u8>) -> fmt::Result) {
        // The message is the same for all records.
        if field.name() == "message" {
            return;
        }
        let start = self.0.len();
        self.0.push(b',');
        push_string(self.0, field.name());
        self.0.push(b':');
        if append(self.0).is_err() {
            self.0.truncate(start);
        }
    }

    fn number(&mut self, field: &Field, value: impl serde::Serialize) {
        self.member(field, |line| serde_json::to_writer(line, &value).map_err(|_| fmt::Error));
    }
}

impl Visit for JsonFields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.member(field, |line| {
            line.push(b'"');
            fmt::write(&mut StringWriter(line), format_args!("{value:?}"))?;
            line.push(b'"');
            Ok(())
        });
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let is_json = field.name() == "arguments" && !value.contains(['\n', '\r']);
        let object: Option<&RawValue> = is_json.then(|| serde_json::from_str(value).ok()).flatten();
        self.member(field, |line| {
            match object {
                Some(object) => line.extend_from_slice(object.get().as_bytes()),
                None => push_string(line, value),
            }
            Ok(())
        });
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.number(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.number(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.number(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.number(field, value);
    }
}

/// Appends a text as a JSON string.
fn push_string(line: &mut Vec<u8>, text: &str) {
    line.push(b'"');
    push_contents(line, text);
    line.push(b'"');
}

/// Appends a text to an unfinished JSON string.
fn push_contents(line: &mut Vec<u8>, text: &str) {
    if is_verbatim(text) {
        line.extend_from_slice(text.as_bytes());
    } else if let Ok(json) = serde_json::to_string(text) {
        line.extend_from_slice(&json.as_bytes()[1..json.len() - 1]);
    }
}

/// Writer into an unfinished JSON string.
struct StringWriter<'a>(&'a mut Vec<u8>);

impl fmt::Write for StringWriter<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        push_contents(self.0, text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use serde_json::{Value, json};
    use tracing_subscriber::{layer::SubscriberExt, registry};

    use super::{super::rotating_file::rotated_files, *};

    fn lines(path: &Path) -> Vec<Value> {
        let mut files = rotated_files(path).unwrap();
        files.sort_unstable();
        files.push(path.to_owned());
        let text: String = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn writes_the_fields_and_the_time_and_ignores_other_targets() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit.jsonl");
        let (layer, guard) = JsonLines::file(&path).open().unwrap();
        tracing::subscriber::with_default(registry().with(layer), || {
            tracing::info!(target: TARGET, user = "h\"a\nrriet", absent = None::<&str>, tools = 3, "decision");
            tracing::info!(target: TARGET, arguments = r#"{"id":7}"#);
            tracing::info!(target: TARGET, arguments = "not JSON");
            tracing::info!(target: TARGET, required = %"\"a\" b\nc\"", missing = ?Some(7));
            tracing::error!("an event of another target");
        });
        drop(guard);
        let mut lines = lines(&path);
        for line in &mut lines {
            let time = line.as_object_mut().unwrap().remove("time").unwrap();
            assert!(DateTime::parse_from_rfc3339(time.as_str().unwrap()).is_ok(), "{time}");
        }
        assert_eq!(
            lines,
            [
                json!({ "user": "h\"a\nrriet", "tools": 3 }),
                json!({ "arguments": { "id": 7 } }),
                json!({ "arguments": "not JSON" }),
                json!({ "required": "\"a\" b\nc\"", "missing": "Some(7)" }),
            ]
        );
    }

    #[test]
    fn the_time_of_each_line_is_its_own() {
        let mut second = Second::default();
        for micros in [0, 7, 999_999, 1_000_000, 1_000_001, 1_790_000_000_123_456, 1_790_000_001_000_000, 5] {
            let time = SystemTime::UNIX_EPOCH + Duration::from_micros(micros);
            let mut line = Vec::new();
            second.append(&mut line, time);
            let expected = DateTime::<Utc>::from(time).to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
            assert_eq!(String::from_utf8(line).unwrap(), expected);
        }
    }

    #[test]
    fn loses_no_record_of_many_threads_with_rotation_and_after_close() {
        const THREADS: u64 = 8;
        const RECORDS_PER_THREAD: u64 = 5000;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit.jsonl");
        let (layer, guard) = JsonLines::file(&path).max_bytes(64 * 1024).keep(10_000).open().unwrap();
        let dispatch = tracing::Dispatch::new(registry().with(layer));
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let dispatch = dispatch.clone();
                scope.spawn(move || {
                    tracing::dispatcher::with_default(&dispatch, || {
                        for i in 0..RECORDS_PER_THREAD {
                            tracing::info!(target: TARGET, thread, i);
                        }
                    });
                });
            }
        });
        drop(guard);
        // A record after close is written synchronously.
        tracing::dispatcher::with_default(&dispatch, || tracing::info!(target: TARGET, thread = THREADS, i = 0_u64));
        let mut seen: Vec<_> =
            lines(&path).iter().map(|line| (line["thread"].as_u64().unwrap(), line["i"].as_u64().unwrap())).collect();
        let in_order =
            |thread| seen.iter().filter(|line| line.0 == thread).map(|line| line.1).eq(0..RECORDS_PER_THREAD);
        assert!((0..THREADS).all(in_order));
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len() as u64, THREADS * RECORDS_PER_THREAD + 1);
        assert!(rotated_files(&path).unwrap().len() > 10);
        assert!(rotated_files(&path).unwrap().iter().all(|file| fs::metadata(file).unwrap().len() <= 64 * 1024));
    }
}
