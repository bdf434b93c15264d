use std::io;
use std::path::{Path, PathBuf};

/// An error that occurs when the company's database is opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder for the file cannot be created.
    #[error(
        "cannot create the folder `{}` for the company's data ({source}); choose another file with --data",
        folder.display()
    )]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The file cannot be opened or written.
    #[error(
        "cannot open `{}` for reading and writing; check that it is a file, that the file and its folder are \
         writable and that the disk is not full, or choose another file with --data",
        path.display()
    )]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// The error of SQLite.
        source: sqlx::Error,
    },
    /// The file is not a SQLite database, or the database is damaged.
    #[error(
        "`{}` is not a SQLite database, or it is damaged; move the file away to create a new sample company, or \
         choose another file with --data",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The error of SQLite.
        source: sqlx::Error,
    },
    /// The file is a SQLite database of another program.
    #[error("`{}` is the SQLite database of another program; choose another file with --data", .0.display())]
    Foreign(PathBuf),
    /// The file was created by another version of this program.
    #[error(
        "`{}` has version {found} of the schema, but this program needs version {expected}; delete the file to \
         create a new sample company, or choose another file with --data",
        path.display()
    )]
    OtherVersion {
        /// The file.
        path: PathBuf,
        /// The version of the file.
        found: i32,
        /// The version that this program needs.
        expected: i32,
    },
    /// Another process has locked the file.
    #[error(
        "`{}` is locked by another program; stop that program, or choose another file with --data",
        path.display()
    )]
    Locked {
        /// The file.
        path: PathBuf,
        /// The error of SQLite.
        source: sqlx::Error,
    },
    /// Any other error of SQLite.
    #[error("cannot read the company's data from `{}`: {source}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// The error of SQLite.
        source: sqlx::Error,
    },
}

impl OpenError {
    /// Converts an error of SQLite to one that says what to do.
    pub(super) fn from_sqlite(path: &Path, source: sqlx::Error) -> Self {
        use sqlite_code::{BUSY, CANTOPEN, CORRUPT, FULL, IOERR, LOCKED, NOTADB, PERM, READONLY};

        let path = path.to_owned();
        match result_code(&source) {
            Some(PERM | READONLY | IOERR | FULL | CANTOPEN) => Self::Unwritable { path, source },
            Some(BUSY | LOCKED) => Self::Locked { path, source },
            Some(CORRUPT | NOTADB) => Self::Damaged { path, source },
            _ => Self::Database { path, source },
        }
    }
}

/// SQLite's primary result codes (<https://sqlite.org/rescode.html>).
mod sqlite_code {
    pub(super) const PERM: u32 = 3;
    pub(super) const BUSY: u32 = 5;
    pub(super) const LOCKED: u32 = 6;
    pub(super) const READONLY: u32 = 8;
    pub(super) const IOERR: u32 = 10;
    pub(super) const CORRUPT: u32 = 11;
    pub(super) const FULL: u32 = 13;
    pub(super) const CANTOPEN: u32 = 14;
    pub(super) const NOTADB: u32 = 26;
}

/// Returns whether another process holds a lock on the file.
pub(super) fn is_busy(error: &sqlx::Error) -> bool {
    result_code(error) == Some(sqlite_code::BUSY)
}

/// Returns the primary result code: the low byte of the extended result code.
fn result_code(error: &sqlx::Error) -> Option<u32> {
    let code = error.as_database_error()?.code()?;
    code.parse::<u32>().ok().map(|code| code & 0xff)
}
