//! Rotating file of lines. If a rotation fails, writes continue in the current file, so no line is lost.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use chrono::{DateTime, NaiveDate, Utc};

/// Rotation settings.
#[derive(Clone, Debug)]
pub(super) struct Rotation {
    /// Maximum size of a file, in bytes. A longer line is written to a separate file.
    pub(super) max_bytes: u64,
    /// Whether to rotate at the end of each day (UTC).
    pub(super) daily: bool,
    /// Number of rotated files that remain.
    pub(super) keep: usize,
}

/// Format of the time that is appended to the name of a rotated file. The order by name is the order by time.
const TIMESTAMP_FORMAT: &str = "%Y%m%dT%H%M%S%.6fZ";
const TIMESTAMP_LEN: usize = "20261122T200312.123456Z".len();

pub(super) struct RotatingFile {
    path: PathBuf,
    rotation: Rotation,
    file: File,
    size: u64,
    /// Day of the last write (UTC).
    day: NaiveDate,
}

impl RotatingFile {
    /// Opens the file for appending, and creates it if it does not exist.
    pub(super) fn open(path: PathBuf, rotation: Rotation) -> io::Result<Self> {
        let file = open_for_append(&path)?;
        let metadata = file.metadata()?;
        let day = DateTime::<Utc>::from(metadata.modified()?).date_naive();
        Ok(Self { path, rotation, file, size: metadata.len(), day })
    }

    /// Writes the buffer. A line is never split between two files.
    ///
    /// # Errors
    ///
    /// The unwritten bytes remain in the buffer for a retry. The first line may be partly written.
    pub(super) fn write(&mut self, buffer: &mut LineBuffer) -> io::Result<()> {
        while !buffer.unwritten().is_empty() {
            if !buffer.is_mid_line() {
                self.rotate_if_due(buffer.first_line_len());
            }
            let available = self.rotation.max_bytes.saturating_sub(self.size);
            let lines = buffer.lines_within(usize::try_from(available).unwrap_or(usize::MAX));
            match self.file.write(lines) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    buffer.advance(written);
                    self.size += written as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Waits until all written lines are on disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    fn rotate_if_due(&mut self, next_line_len: usize) {
        let now = Utc::now();
        let is_full = self.size > 0 && self.size.saturating_add(next_line_len as u64) > self.rotation.max_bytes;
        let is_new_day = self.rotation.daily && self.size > 0 && now.date_naive() > self.day;
        if (is_full || is_new_day)
            && let Err(error) = self.rotate(now)
        {
            let path = self.path.display();
            tracing::error!(%path, %error, "cannot rotate the audit file; writes continue in the current file");
        }
        self.day = now.date_naive();
    }

    fn rotate(&mut self, now: DateTime<Utc>) -> io::Result<()> {
        self.file.sync_all()?;
        let mut timestamp = now;
        let mut rotated = self.rotated_path(timestamp);
        while rotated.try_exists()? {
            timestamp += chrono::TimeDelta::microseconds(1);
            rotated = self.rotated_path(timestamp);
        }
        fs::rename(&self.path, &rotated)?;
        self.file = match open_for_append(&self.path) {
            Ok(file) => file,
            Err(error) => {
                // Restore the name, so that the next rotation can rename the file again.
                fs::rename(&rotated, &self.path)?;
                return Err(error);
            }
        };
        self.size = 0;
        self.delete_oldest()
    }

    fn rotated_path(&self, timestamp: DateTime<Utc>) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{}", timestamp.format(TIMESTAMP_FORMAT)));
        name.into()
    }

    fn delete_oldest(&self) -> io::Result<()> {
        let mut files = rotated_files(&self.path)?;
        files.sort_unstable();
        let surplus = files.len().saturating_sub(self.rotation.keep);
        files.iter().take(surplus).try_for_each(fs::remove_file)
    }
}

/// Returns the rotated files of `path`, in no particular order.
pub(super) fn rotated_files(path: &Path) -> io::Result<Vec<PathBuf>> {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        return Ok(Vec::new());
    };
    let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let file_name = entry.file_name();
        let suffix = file_name.to_str().and_then(|other| other.strip_prefix(name)?.strip_prefix('.'));
        let is_timestamp = |text: &str| {
            text.len() == TIMESTAMP_LEN && text.bytes().all(|byte| byte.is_ascii_digit() || b"TZ.".contains(&byte))
        };
        if suffix.is_some_and(is_timestamp) {
            files.push(entry.path());
        }
    }
    Ok(files)
}

/// Opens a file for appending. A new file is readable by its owner only, because records name users.
fn open_for_append(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Buffer of lines that are being written, with the number of bytes that have been written.
#[derive(Debug, Default)]
pub(super) struct LineBuffer {
    bytes: Vec<u8>,
    written: usize,
}

impl LineBuffer {
    /// Takes `lines` and leaves an empty buffer in their place. Does nothing while bytes are unwritten.
    pub(super) fn refill(&mut self, lines: &mut Vec<u8>) {
        if self.unwritten().is_empty() {
            self.bytes.clear();
            self.written = 0;
            std::mem::swap(&mut self.bytes, lines);
        }
    }

    pub(super) fn unwritten(&self) -> &[u8] {
        self.bytes.get(self.written..).unwrap_or_default()
    }

    /// Returns the number of unwritten lines, including a partly written one.
    pub(super) fn line_count(&self) -> usize {
        self.unwritten().split_inclusive(|&byte| byte == b'\n').count()
    }

    /// Returns whether the first unwritten line is partly written.
    fn is_mid_line(&self) -> bool {
        self.written > 0 && self.bytes.get(self.written - 1) != Some(&b'\n')
    }

    fn first_line_len(&self) -> usize {
        self.unwritten().split_inclusive(|&byte| byte == b'\n').next().map_or(0, <[u8]>::len)
    }

    /// Returns as many whole lines as fit into `max_bytes`, but at least one.
    fn lines_within(&self, max_bytes: usize) -> &[u8] {
        let unwritten = self.unwritten();
        if unwritten.len() <= max_bytes {
            return unwritten;
        }
        let newline = unwritten[..max_bytes].iter().rposition(|&byte| byte == b'\n');
        &unwritten[..newline.map_or(self.first_line_len(), |at| at + 1)]
    }

    fn advance(&mut self, written: usize) {
        self.written += written;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(file: &mut RotatingFile, text: &str) {
        let mut buffer = LineBuffer::default();
        buffer.refill(&mut text.as_bytes().to_vec());
        file.write(&mut buffer).unwrap();
    }

    /// Contents of all files, the oldest first.
    fn contents(path: &Path) -> Vec<String> {
        let mut files = rotated_files(path).unwrap();
        files.sort_unstable();
        files.push(path.to_owned());
        files.iter().map(|file| fs::read_to_string(file).unwrap()).collect()
    }

    fn rotation(max_bytes: u64, keep: usize) -> Rotation {
        Rotation { max_bytes, daily: false, keep }
    }

    #[test]
    fn rotates_a_full_file_between_lines_and_loses_none() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit.jsonl");
        let mut file = RotatingFile::open(path.clone(), rotation(10, 99)).unwrap();
        write(&mut file, "one\ntwo\nthree\n");
        write(&mut file, "a line that is longer than the limit\nfour\n");
        assert_eq!(contents(&path), ["one\ntwo\n", "three\n", "a line that is longer than the limit\n", "four\n"]);
    }

    #[test]
    fn deletes_the_oldest_rotated_files_and_no_other_files() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit.jsonl");
        let other = directory.path().join("audit.jsonl.notes");
        fs::write(&other, "mine").unwrap();
        let mut file = RotatingFile::open(path.clone(), rotation(4, 2)).unwrap();
        for line in ["1st\n", "2nd\n", "3rd\n", "4th\n"] {
            write(&mut file, line);
        }
        assert_eq!(contents(&path), ["2nd\n", "3rd\n", "4th\n"]);
        assert_eq!(fs::read_to_string(other).unwrap(), "mine");
    }

    #[test]
    fn appends_to_an_existing_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit.jsonl");
        write(&mut RotatingFile::open(path.clone(), rotation(8, 9)).unwrap(), "one\n");
        let mut file = RotatingFile::open(path.clone(), rotation(8, 9)).unwrap();
        write(&mut file, "two\nsix\n");
        assert_eq!(contents(&path), ["one\ntwo\n", "six\n"]);
    }

    #[test]
    fn rotates_on_a_new_day() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit.jsonl");
        let daily = Rotation { max_bytes: u64::MAX, daily: true, keep: 9 };
        let mut file = RotatingFile::open(path.clone(), daily).unwrap();
        write(&mut file, "today\n");
        write(&mut file, "still\n");
        file.day = file.day.pred_opt().unwrap();
        write(&mut file, "tomorrow\n");
        assert_eq!(contents(&path), ["today\nstill\n", "tomorrow\n"]);
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_the_files() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit.jsonl");
        let mut file = RotatingFile::open(path.clone(), rotation(4, 9)).unwrap();
        write(&mut file, "one\ntwo\n");
        let mut files = rotated_files(&path).unwrap();
        files.push(path);
        assert_eq!(files.len(), 2);
        for file in files {
            assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_failed_rotation_loses_no_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit.jsonl");
        let mut file = RotatingFile::open(path.clone(), rotation(4, 9)).unwrap();
        write(&mut file, "one\n");
        // The rotation fails because the file is not at its path.
        let moved = directory.path().join("moved");
        fs::rename(&path, &moved).unwrap();
        write(&mut file, "two\nsix\n");
        assert_eq!(fs::read_to_string(moved).unwrap(), "one\ntwo\nsix\n");
    }
}
