//! A file of lines that rotates. Nothing that it was given is lost by rotating: where a step fails, it goes on with the
//! file that it has.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use chrono::{DateTime, NaiveDate, Utc};

/// When a file is full, and how many are kept.
#[derive(Clone, Debug)]
pub(super) struct Rotation {
    pub(super) max_bytes: u64,
    pub(super) daily: bool,
    /// Besides the one that is written to.
    pub(super) keep: usize,
}

/// How the time of its end stands behind a rotated file's name; sorted by name is sorted by time.
const STAMP: &str = "%Y%m%dT%H%M%S%.6fZ";
const STAMP_LENGTH: usize = "20261122T200312.123456Z".len();

pub(super) struct RotatingFile {
    path: PathBuf,
    rotation: Rotation,
    file: File,
    size: u64,
    day: NaiveDate,
}

impl RotatingFile {
    pub(super) fn open(path: PathBuf, rotation: Rotation) -> io::Result<Self> {
        let file = open(&path)?;
        let metadata = file.metadata()?;
        let day = DateTime::<Utc>::from(metadata.modified()?).date_naive();
        Ok(Self { path, rotation, file, size: metadata.len(), day })
    }

    /// Writes whole lines, and takes off `lines` what was written. A line is never split between two files.
    ///
    /// # Errors
    ///
    /// The rest is still in `lines`, to be tried again; a line may have been begun.
    pub(super) fn write(&mut self, lines: &mut Pending) -> io::Result<()> {
        while !lines.rest().is_empty() {
            if !lines.inside_a_line() {
                self.rotate_if_due(lines.first_line());
            }
            let room = self.rotation.max_bytes.saturating_sub(self.size);
            let fitting = lines.fitting(usize::try_from(room).unwrap_or(usize::MAX));
            match self.file.write(fitting) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    lines.advance(written);
                    self.size += written as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Waits until the disk has it.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    fn rotate_if_due(&mut self, next: usize) {
        let now = Utc::now();
        let full = self.size > 0 && self.size.saturating_add(next as u64) > self.rotation.max_bytes;
        let over = self.rotation.daily && self.size > 0 && now.date_naive() > self.day;
        if (full || over)
            && let Err(error) = self.rotate(now)
        {
            // The old file is still open under whatever name: that one grows.
            tracing::error!(path = %self.path.display(), %error, "the audit file could not be rotated");
        }
        self.day = now.date_naive();
    }

    fn rotate(&mut self, now: DateTime<Utc>) -> io::Result<()> {
        self.file.sync_all()?;
        let mut stamp = now;
        let mut rotated = self.rotated(stamp);
        while rotated.try_exists()? {
            stamp += chrono::TimeDelta::microseconds(1);
            rotated = self.rotated(stamp);
        }
        fs::rename(&self.path, &rotated)?;
        self.file = match open(&self.path) {
            Ok(file) => file,
            Err(error) => {
                // The name back, so that the next attempt finds what it expects.
                fs::rename(&rotated, &self.path)?;
                return Err(error);
            }
        };
        self.size = 0;
        self.remove_old()
    }

    fn rotated(&self, at: DateTime<Utc>) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{}", at.format(STAMP)));
        name.into()
    }

    fn remove_old(&self) -> io::Result<()> {
        let mut old = rotated_files(&self.path)?;
        old.sort_unstable();
        let surplus = old.len().saturating_sub(self.rotation.keep);
        old.iter().take(surplus).try_for_each(fs::remove_file)
    }
}

/// The files beside this one that were rotated away from it.
pub(super) fn rotated_files(path: &Path) -> io::Result<Vec<PathBuf>> {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        return Ok(Vec::new());
    };
    let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let file_name = entry.file_name();
        let stamp = file_name.to_str().and_then(|other| other.strip_prefix(name)?.strip_prefix('.'));
        let is_stamp = |text: &str| {
            text.len() == STAMP_LENGTH && text.bytes().all(|byte| byte.is_ascii_digit() || b"TZ.".contains(&byte))
        };
        if stamp.is_some_and(is_stamp) {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// Who acted when is nobody else's business: the file is its owner's from its first moment on.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Lines on their way to the disk.
#[derive(Debug, Default)]
pub(super) struct Pending {
    bytes: Vec<u8>,
    written: usize,
}

impl Pending {
    /// Takes all of `lines`, if everything before has been written, and leaves an empty buffer in their place.
    pub(super) fn refill(&mut self, lines: &mut Vec<u8>) {
        if self.rest().is_empty() {
            self.bytes.clear();
            self.written = 0;
            std::mem::swap(&mut self.bytes, lines);
        }
    }

    pub(super) fn rest(&self) -> &[u8] {
        self.bytes.get(self.written..).unwrap_or_default()
    }

    /// How many lines there are, a begun one included.
    pub(super) fn lines(&self) -> usize {
        self.rest().split_inclusive(|&byte| byte == b'\n').count()
    }

    fn inside_a_line(&self) -> bool {
        self.written > 0 && self.bytes.get(self.written - 1) != Some(&b'\n')
    }

    /// The length of the first line.
    fn first_line(&self) -> usize {
        self.rest().split_inclusive(|&byte| byte == b'\n').next().map_or(0, <[u8]>::len)
    }

    /// As many whole lines as have room, and at least the first.
    fn fitting(&self, room: usize) -> &[u8] {
        let rest = self.rest();
        if rest.len() <= room {
            return rest;
        }
        let end = rest[..room].iter().rposition(|&byte| byte == b'\n').map_or(self.first_line(), |at| at + 1);
        &rest[..end]
    }

    fn advance(&mut self, written: usize) {
        self.written += written;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(file: &mut RotatingFile, text: &str) {
        let mut pending = Pending::default();
        pending.refill(&mut text.as_bytes().to_vec());
        file.write(&mut pending).unwrap();
    }

    fn everything(path: &Path) -> Vec<String> {
        let mut files = rotated_files(path).unwrap();
        files.sort_unstable();
        files.push(path.to_owned());
        files.iter().map(|file| fs::read_to_string(file).unwrap()).collect()
    }

    fn rotation(max_bytes: u64, keep: usize) -> Rotation {
        Rotation { max_bytes, daily: false, keep }
    }

    #[test]
    fn a_full_file_is_rotated_between_lines_and_none_is_lost() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit.jsonl");
        let mut file = RotatingFile::open(path.clone(), rotation(10, 99)).unwrap();
        write(&mut file, "one\ntwo\nthree\n");
        write(&mut file, "a line that is longer than the limit\nfour\n");
        assert_eq!(everything(&path), ["one\ntwo\n", "three\n", "a line that is longer than the limit\n", "four\n"]);
    }

    #[test]
    fn the_oldest_go_first_and_other_files_stay() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit.jsonl");
        let other = directory.path().join("audit.jsonl.notes");
        fs::write(&other, "mine").unwrap();
        let mut file = RotatingFile::open(path.clone(), rotation(4, 2)).unwrap();
        for line in ["1st\n", "2nd\n", "3rd\n", "4th\n"] {
            write(&mut file, line);
        }
        assert_eq!(everything(&path), ["2nd\n", "3rd\n", "4th\n"]);
        assert_eq!(fs::read_to_string(other).unwrap(), "mine");
    }

    #[test]
    fn a_file_that_is_there_is_continued() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit.jsonl");
        write(&mut RotatingFile::open(path.clone(), rotation(8, 9)).unwrap(), "one\n");
        let mut file = RotatingFile::open(path.clone(), rotation(8, 9)).unwrap();
        write(&mut file, "two\nsix\n");
        assert_eq!(everything(&path), ["one\ntwo\n", "six\n"]);
    }

    #[test]
    fn a_new_day_is_a_new_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit.jsonl");
        let daily = Rotation { max_bytes: u64::MAX, daily: true, keep: 9 };
        let mut file = RotatingFile::open(path.clone(), daily).unwrap();
        write(&mut file, "today\n");
        write(&mut file, "still\n");
        file.day = file.day.pred_opt().unwrap();
        write(&mut file, "tomorrow\n");
        assert_eq!(everything(&path), ["today\nstill\n", "tomorrow\n"]);
    }

    #[cfg(unix)]
    #[test]
    fn every_file_is_its_owners_alone() {
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
    fn a_rotation_that_fails_loses_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit.jsonl");
        let mut file = RotatingFile::open(path.clone(), rotation(4, 9)).unwrap();
        write(&mut file, "one\n");
        // Nothing can be renamed that is not there under its name.
        let moved = directory.path().join("moved");
        fs::rename(&path, &moved).unwrap();
        write(&mut file, "two\nsix\n");
        assert_eq!(fs::read_to_string(moved).unwrap(), "one\ntwo\nsix\n");
    }
}
