//! The data file: state that survives a restart.
//!
//! The file is a journal of JSON lines. The first line is a header with the version of the format, and each further line
//! is one change. The tenant works in memory and sends every change to one thread, which appends it to the file. A
//! request that changed something gets its response after the change was synced to disk. The file is compacted when it is
//! opened, and when it has grown to a multiple of what it stores.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::iter;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::oneshot;

/// Value of `format` in the header line.
const FORMAT: &str = "toolgate-dev-tenant";

/// Version of the format that this program reads and writes.
const VERSION: u32 = 1;

/// Maximum length of the header line, in bytes. It bounds what is read of a file that another program wrote.
const MAX_HEADER_BYTES: u64 = 256;

/// Minimum size at which the file is compacted while it is in use, in bytes.
const MIN_COMPACTION_BYTES: u64 = 8 << 20;

/// Maximum number of commands that are handled between two syncs.
const MAX_BATCH: usize = 512;

/// Stored records: kind, then key, then the record as JSON.
pub(crate) type Records = BTreeMap<String, BTreeMap<String, Value>>;

/// An opened data file, for [`DevTenantBuilder::data`](crate::DevTenantBuilder::data).
///
/// The file stores clients, grants, digests of tokens and of session cookies, changes to people, and the introspection
/// credentials, so that clients and browsers do not notice a restart at the same address. On Unix, only its owner can read
/// it.
pub struct TenantData {
    records: Records,
    file: DataFile,
}

/// Reasons why a data file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The file cannot be opened, created, read or written.
    #[error(
        "cannot open the data file {path}: {source}; check that its folder exists and that both are writable",
        path = path.display()
    )]
    Open {
        /// Path of the file.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
    /// Another tenant has the file open.
    #[error("the data file {} is in use by another development tenant; stop it or choose another file", .0.display())]
    InUse(PathBuf),
    /// The file is not a data file of a development tenant.
    #[error(
        "{} is not a data file of a development tenant: its first line is not a {FORMAT} header; choose another file",
        .0.display()
    )]
    NotTenantData(PathBuf),
    /// A newer version of this program wrote the file.
    #[error(
        "the data file {path} has format version {version}, but this program reads up to version {VERSION}; update the \
         program or choose another file",
        path = path.display()
    )]
    Newer {
        /// Path of the file.
        path: PathBuf,
        /// Version of its format.
        version: u32,
    },
    /// A line of the file is not a change.
    #[error(
        "the data file {path} is corrupt at line {line}, column {column}: expected one change as JSON; remove this line \
         to lose only its change, or delete the file to start without data",
        path = path.display(),
        column = source.column()
    )]
    Corrupt {
        /// Path of the file.
        path: PathBuf,
        /// Number of the line, counted from 1.
        line: usize,
        /// Error of the JSON parser, whose line number counts within this line.
        source: serde_json::Error,
    },
}

/// The first line of a data file.
#[derive(Serialize, Deserialize)]
struct Header<'a> {
    format: Cow<'a, str>,
    version: u32,
}

/// One line of a data file after the header. `V` is the type of a record.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Change<'a, V> {
    Put { kind: Cow<'a, str>, key: Cow<'a, str>, record: V },
    Delete { kind: Cow<'a, str>, key: Cow<'a, str> },
}

/// Omits the records, which contain the introspection secret.
impl fmt::Debug for TenantData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let records: usize = self.records.values().map(BTreeMap::len).sum();
        f.debug_struct("TenantData").field("records", &records).finish_non_exhaustive()
    }
}

impl TenantData {
    /// Opens, locks and compacts a data file, or creates it.
    ///
    /// The lock is advisory. It keeps other tenants from opening the file until this value is dropped, or the tenant that
    /// uses it is shut down. An incomplete last line, which a crash can leave, is dropped and logged.
    ///
    /// # Errors
    ///
    /// [`DataError`] if the file is in use, is not a tenant's, is corrupt, or cannot be written. What the file stores is
    /// unchanged then.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, DataError> {
        let path = path.as_ref();
        let failed = |source| DataError::Open { path: path.to_owned(), source };
        let original = private_file_options().read(true).append(true).open(path).map_err(failed)?;
        original.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => DataError::InUse(path.to_owned()),
            TryLockError::Error(source) => failed(source),
        })?;
        let records = read(path, &original).inspect_err(|_| {
            // A child process that is being started may hold a copy of the descriptor, which would keep the lock.
            let _ = original.unlock();
        })?;
        let file = DataFile::compacted(path, &records, original).map_err(failed)?;
        Ok(Self { records, file })
    }

    /// Returns what is stored, and the journal that writes further changes.
    pub(crate) fn into_journal(self) -> (Records, Journal) {
        (self.records, Journal::start(self.file))
    }
}

/// Returns options to open a file, or to create it so that only its owner can read it.
fn private_file_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Reads a data file. An empty file has no records.
fn read(path: &Path, file: &File) -> Result<Records, DataError> {
    let failed = |source| DataError::Open { path: path.to_owned(), source };
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    let mut records = Records::new();
    reader.by_ref().take(MAX_HEADER_BYTES).read_until(b'\n', &mut line).map_err(failed)?;
    if line.is_empty() {
        return Ok(records);
    }
    check_header(path, &line)?;
    for number in 2.. {
        line.clear();
        if reader.read_until(b'\n', &mut line).map_err(failed)? == 0 {
            break;
        }
        match serde_json::from_slice(&line) {
            Ok(change) => apply(&mut records, change),
            Err(_) if !line.ends_with(b"\n") => tracing::warn!(
                path = %path.display(),
                line = number,
                "dropped the incomplete last line of the data file; the program ended while it wrote that change"
            ),
            Err(source) => return Err(DataError::Corrupt { path: path.to_owned(), line: number, source }),
        }
    }
    Ok(records)
}

fn check_header(path: &Path, line: &[u8]) -> Result<(), DataError> {
    let header = serde_json::from_slice::<Header<'_>>(line).ok().filter(|header| header.format == FORMAT);
    match header {
        None => Err(DataError::NotTenantData(path.to_owned())),
        Some(Header { version, .. }) if version > VERSION => Err(DataError::Newer { path: path.to_owned(), version }),
        Some(_) => Ok(()),
    }
}

fn apply(records: &mut Records, change: Change<'_, Value>) {
    match change {
        Change::Put { kind, key, record } => {
            records.entry(kind.into_owned()).or_default().insert(key.into_owned(), record);
        }
        Change::Delete { kind, key } => {
            if let Some(records) = records.get_mut(&*kind) {
                records.remove(&*key);
            }
        }
    }
}

fn append_line(text: &mut Vec<u8>, line: &impl Serialize) -> serde_json::Result<()> {
    serde_json::to_writer(&mut *text, line)?;
    text.push(b'\n');
    Ok(())
}

/// The open data file and the changes that are not synced to it yet.
struct DataFile {
    path: PathBuf,
    file: File,
    /// Length of the part that was synced, in bytes.
    synced: u64,
    /// Length at which the file is compacted, in bytes.
    compact_at: u64,
    /// Lines that follow that part. After a failed write they stay here, and the next write repeats them.
    unsynced: Vec<u8>,
    /// The file before the last compaction. It stays locked, because another process may have opened it before the rename.
    _original: File,
}

impl DataFile {
    /// Replaces `original` with a file that has one line for each record.
    fn compacted(path: &Path, records: &Records, original: File) -> io::Result<Self> {
        let mut text = Vec::new();
        append_line(&mut text, &Header { format: FORMAT.into(), version: VERSION })?;
        for (kind, records) in records {
            for (key, record) in records {
                append_line(&mut text, &Change::Put { kind: kind.into(), key: key.into(), record })?;
            }
        }
        // The rename must replace the file, not a symbolic link to it.
        let path = path.canonicalize()?;
        let mut temporary = path.clone().into_os_string();
        temporary.push(".tmp");
        // A file that a crash has left is not reused, because its permissions are unknown.
        if let Err(error) = fs::remove_file(&temporary)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        let mut file = private_file_options().read(true).write(true).create_new(true).open(&temporary)?;
        file.write_all(&text)?;
        file.sync_all()?;
        file.try_lock()?;
        fs::rename(&temporary, &path)?;
        // On Unix, a rename is durable once the folder is synced.
        #[cfg(unix)]
        if let Some(folder) = path.parent() {
            File::open(folder)?.sync_all()?;
        }
        let synced = text.len() as u64;
        let compact_at = MIN_COMPACTION_BYTES.max(synced.saturating_mul(2));
        Ok(Self { path, file, synced, compact_at, unsynced: Vec::new(), _original: original })
    }

    /// Compacts the file if it has grown to a multiple of what it stores. Clients can change records without end.
    fn compact_if_large(&mut self) {
        if self.synced < self.compact_at {
            return;
        }
        match self.compact() {
            Ok(compacted) => *self = compacted,
            Err(error) => {
                tracing::error!(%error, "cannot compact the data file; it keeps growing until this succeeds");
                self.compact_at = self.synced.saturating_mul(2);
            }
        }
    }

    /// Returns a compacted file in place of this one, whose changes are all synced.
    fn compact(&mut self) -> Result<Self, DataError> {
        let failed = |source| DataError::Open { path: self.path.clone(), source };
        self.file.seek(SeekFrom::Start(0)).map_err(failed)?;
        let records = read(&self.path, &self.file)?;
        // The clone keeps the lock.
        let original = self.file.try_clone().map_err(failed)?;
        Self::compacted(&self.path, &records, original).map_err(failed)
    }

    /// Writes all changes and waits until they are on disk.
    fn sync(&mut self) -> io::Result<()> {
        if self.unsynced.is_empty() {
            return Ok(());
        }
        self.file.seek(SeekFrom::Start(self.synced))?;
        self.file.write_all(&self.unsynced)?;
        self.file.sync_data()?;
        self.synced += self.unsynced.len() as u64;
        self.unsynced.clear();
        Ok(())
    }
}

enum Command {
    /// Append a line.
    Append(Vec<u8>),
    /// Reply once all lines before it are on disk, with whether they are.
    Flush(oneshot::Sender<bool>),
    /// Write all lines before it, close the file, and reply.
    Close(oneshot::Sender<()>),
}

/// The sending end of the thread that writes changes to the data file. Without a file, it discards them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Journal {
    commands: Option<Sender<Command>>,
    /// Whether the last write failed.
    is_failing: Arc<AtomicBool>,
}

impl Journal {
    /// Starts the thread, which runs until the journal is closed or the last clone is dropped.
    fn start(file: DataFile) -> Self {
        let (sender, receiver) = channel();
        let is_failing = Arc::<AtomicBool>::default();
        let failing = Arc::clone(&is_failing);
        thread::spawn(move || write_changes(file, &receiver, &failing));
        Self { commands: Some(sender), is_failing }
    }

    /// Returns whether the last write failed, so that its changes are in memory only.
    pub(crate) fn is_failing(&self) -> bool {
        self.is_failing.load(Ordering::Relaxed)
    }

    pub(crate) fn put(&self, kind: &str, key: &str, record: &impl Serialize) {
        self.append(&Change::Put { kind: kind.into(), key: key.into(), record });
    }

    pub(crate) fn delete(&self, kind: &str, key: &str) {
        let change: Change<'_, ()> = Change::Delete { kind: kind.into(), key: key.into() };
        self.append(&change);
    }

    fn append(&self, change: &Change<'_, impl Serialize>) {
        if self.commands.is_none() {
            return;
        }
        let mut line = Vec::new();
        match append_line(&mut line, change) {
            Ok(()) => self.send(Command::Append(line)),
            Err(error) => tracing::error!(%error, "a change cannot be serialized as JSON"),
        }
    }

    /// Waits until all changes so far are on disk. Returns `false` if they could not be written.
    pub(crate) async fn flush(&self) -> bool {
        if self.commands.is_none() {
            return true;
        }
        let (reply, replied) = oneshot::channel();
        self.send(Command::Flush(reply));
        replied.await.unwrap_or(false)
    }

    /// Writes all changes so far and closes the file. Later changes are discarded.
    pub(crate) async fn close(&self) {
        let (reply, replied) = oneshot::channel();
        self.send(Command::Close(reply));
        // An error means that no file is open.
        let _ = replied.await;
    }

    fn send(&self, command: Command) {
        if let Some(commands) = &self.commands {
            // An error means that the journal was closed.
            let _ = commands.send(command);
        }
    }
}

fn write_changes(mut file: DataFile, commands: &Receiver<Command>, is_failing: &AtomicBool) {
    while let Ok(first) = commands.recv() {
        let mut flushes = Vec::new();
        let mut close = None;
        for command in iter::once(first).chain(commands.try_iter()).take(MAX_BATCH) {
            match command {
                Command::Append(line) => file.unsynced.extend(line),
                Command::Flush(reply) => flushes.push(reply),
                Command::Close(reply) => {
                    close = Some(reply);
                    break;
                }
            }
        }
        let synced = file.sync();
        let was_failing = is_failing.swap(synced.is_err(), Ordering::Relaxed);
        match &synced {
            // Each request retries the write, so only the first failure is logged.
            Err(error) if !was_failing => {
                tracing::error!(%error, "cannot write to the data file; the next change retries the write");
            }
            Ok(()) if was_failing => tracing::info!("the data file is written again; no change was lost"),
            _ => {}
        }
        if synced.is_ok() {
            file.compact_if_large();
        }
        for reply in flushes {
            // An error means that the request was cancelled.
            let _ = reply.send(synced.is_ok());
        }
        if let Some(reply) = close {
            drop(file);
            let _ = reply.send(());
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_record() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tenant.jsonl");
        let mut data = TenantData::open(&path).unwrap();
        data.records.entry("credentials".to_owned()).or_default().insert("a".to_owned(), "hunter2".into());
        assert_eq!(format!("{data:?}"), "TenantData { records: 1, .. }");
        let builder = crate::DevTenant::builder(crate::TenantConfig::sample()).data(data);
        assert!(!format!("{builder:?}").contains("hunter2"));
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn changes_are_rejected_before_they_use_memory_while_the_disk_is_full() {
        // Every write to this device fails.
        let full = || OpenOptions::new().read(true).write(true).open("/dev/full").unwrap();
        let file = DataFile {
            path: PathBuf::new(),
            file: full(),
            synced: 0,
            compact_at: u64::MAX,
            unsynced: Vec::new(),
            _original: full(),
        };
        let data = TenantData { records: Records::new(), file };
        let tenant = Arc::new(crate::tenant::Tenant::new(
            crate::TenantConfig::sample(),
            crate::settings::Settings::default(),
            "http://127.0.0.1".to_owned(),
            Some(data),
            None,
        ));
        // The introspection credentials, which the start created, could not be written.
        assert!(!tenant.journal.flush().await && tenant.journal.is_failing());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/oauth/2.1/register", listener.local_addr().unwrap());
        let router = crate::http::router(Arc::clone(&tenant));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        for _ in 0..50 {
            let metadata = serde_json::json!({ "redirect_uris": ["http://127.0.0.1/callback"] });
            assert_eq!(http.post(&url).json(&metadata).send().await.unwrap().status(), 500);
        }
        assert_eq!(tenant.state().client_count(), 0);
    }

    #[tokio::test]
    async fn the_file_is_compacted_while_it_is_in_use() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tenant.jsonl");
        let (_, journal) = TenantData::open(&path).unwrap().into_journal();
        let record = "x".repeat(100_000);
        let mut written = 0;
        let mut largest = 0;
        for i in 0..300 {
            // Each record replaces or removes an earlier one.
            journal.put("client", &format!("client-{}", i % 3), &format!("{i} {record}"));
            journal.put("client", "removed", &record);
            journal.delete("client", "removed");
            assert!(journal.flush().await);
            written += 200_000;
            largest = largest.max(fs::metadata(&path).unwrap().len());
        }
        assert!(written > 6 * MIN_COMPACTION_BYTES);
        assert!(largest < MIN_COMPACTION_BYTES + 1_000_000, "{largest} bytes");
        assert!(matches!(TenantData::open(&path), Err(DataError::InUse(_))), "the compacted file is locked");
        journal.close().await;
        let (stored, _) = TenantData::open(&path).unwrap().into_journal();
        let clients: Vec<_> = stored["client"].iter().map(|(key, record)| (key.as_str(), record)).collect();
        assert_eq!(clients.len(), 3);
        for (client, i) in clients.iter().zip([297, 298, 299]) {
            assert_eq!(*client.1, format!("{i} {record}"), "{}", client.0);
        }
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_the_file_even_if_a_crash_left_a_readable_one() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tenant.jsonl");
        let temporary = folder.path().join("tenant.jsonl.tmp");
        fs::write(&temporary, "left by a crash").unwrap();
        fs::set_permissions(&temporary, fs::Permissions::from_mode(0o644)).unwrap();
        drop(TenantData::open(&path).unwrap());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_failed_write_is_repeated_by_the_next_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tenant.jsonl");
        let TenantData { mut file, .. } = TenantData::open(&path).unwrap();
        let writable = std::mem::replace(&mut file.file, File::open(&path).unwrap());
        append_line(&mut file.unsynced, &Change::Put { kind: "a".into(), key: "1".into(), record: 1 }).unwrap();
        assert!(file.sync().is_err());
        file.file = writable;
        append_line(&mut file.unsynced, &Change::Put { kind: "a".into(), key: "2".into(), record: 2 }).unwrap();
        file.sync().unwrap();
        drop(file);
        let records = TenantData::open(&path).unwrap().records;
        assert_eq!(serde_json::to_value(records).unwrap(), serde_json::json!({"a": {"1": 1, "2": 2}}));
    }
}
