use std::io;
use std::path::{Path, PathBuf};

/// Why the company's file could not be opened.
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
        /// What the operating system said.
        source: io::Error,
    },
    /// The file cannot be opened or written.
    #[error(
        "cannot open `{}` for reading and writing; check that it is a file, that it and its folder \
         are writable and that the disk is not full, or choose another file with --data",
        path.display()
    )]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: sqlx::Error,
    },
    /// The file is no SQLite database, or a damaged one.
    #[error(
        "`{}` is not a SQLite database, or it is damaged; move it away to have a new sample company \
         made in its place, or choose another file with --data",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: sqlx::Error,
    },
    /// The file is a SQLite database of another program.
    #[error(
        "`{}` is a SQLite database, but not a sample company; it is left as it is: choose another \
         file with --data",
        .0.display()
    )]
    Foreign(PathBuf),
    /// The file was made by another version of this program.
    #[error(
        "`{}` holds version {found} of the sample company and this program needs version {expected}; \
         delete the file to have it made again, or choose another one with --data",
        path.display()
    )]
    OtherVersion {
        /// The file.
        path: PathBuf,
        /// The version in the file.
        found: i32,
        /// The version that this program reads and writes.
        expected: i32,
    },
    /// Another process keeps the file locked.
    #[error(
        "`{}` is locked by another program; stop that one, or choose another file with --data",
        path.display()
    )]
    Locked {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: sqlx::Error,
    },
    /// Anything else that SQLite refuses.
    #[error("cannot read the company's data from `{}`: {source}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: sqlx::Error,
    },
}

impl OpenError {
    /// Turns SQLite's result code into what the reader can do about it.
    pub(super) fn explain(path: &Path, source: sqlx::Error) -> Self {
        let path = path.to_owned();
        match result_code(&source) {
            // PERM, READONLY, IOERR, FULL, CANTOPEN
            Some(3 | 8 | 10 | 13 | 14) => Self::Unwritable { path, source },
            // BUSY, LOCKED
            Some(SQLITE_BUSY | 6) => Self::Locked { path, source },
            // CORRUPT, NOTADB
            Some(11 | 26) => Self::Damaged { path, source },
            _ => Self::Database { path, source },
        }
    }
}

/// `SQLITE_BUSY`: another process holds a lock.
pub(super) const SQLITE_BUSY: u32 = 5;

/// SQLite's primary result code: the low byte of the extended one (sqlite.org/rescode.html).
pub(super) fn result_code(error: &sqlx::Error) -> Option<u32> {
    let code = error.as_database_error()?.code()?;
    code.parse::<u32>().ok().map(|code| code & 0xff)
}
