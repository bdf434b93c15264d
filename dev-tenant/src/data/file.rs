//! Opening the SQLite file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteLockingMode, SqlitePool, SqlitePoolOptions};

use super::journal::{Journal, Record};

/// Marks the file as a tenant's ("tgdt").
const APPLICATION_ID: i64 = 0x7467_6474;

/// The layout that this version reads and writes.
const LAYOUT: i64 = 1;

/// The numbers are [`APPLICATION_ID`] and [`LAYOUT`]; a test holds them together. The write takes the lock.
const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    BEGIN IMMEDIATE;
    CREATE TABLE IF NOT EXISTS record (
        kind TEXT NOT NULL,
        key TEXT NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (kind, key)
    ) STRICT, WITHOUT ROWID;
    PRAGMA application_id = 0x74676474;
    PRAGMA user_version = 1;
    COMMIT;
";

/// An opened data file, for [`DevTenantBuilder::data`](crate::DevTenantBuilder::data).
///
/// It holds clients, grants, digests of tokens, what was changed about people, and the introspection credentials.
#[derive(Debug)]
pub struct TenantData {
    pub(crate) records: Vec<Record>,
    pool: SqlitePool,
}

/// Why a data file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The file cannot be opened, created or written.
    #[error(
        "the tenant's data file {path} cannot be opened: {source}; check the folder, and that no other tenant \
         uses the file"
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// What SQLite or the operating system says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Another program's database.
    #[error("{0} is a database, but not a development tenant's; choose another file")]
    NotATenants(PathBuf),
    /// Written by a newer version.
    #[error("{path} has layout {layout}, which is newer than this program's; update it or choose another file")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its layout.
        layout: i64,
    },
}

impl TenantData {
    /// Opens a data file, or creates it. While it is open, no other tenant can use it.
    ///
    /// # Errors
    ///
    /// [`DataError`] if the file is in use, not a tenant's, or cannot be written.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, DataError> {
        let path = path.as_ref();
        create_private(path).map_err(|source| failed(path, source))?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .locking_mode(SqliteLockingMode::Exclusive)
            .busy_timeout(Duration::from_secs(1));
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_with(options)
            .await
            .map_err(|source| failed(path, source))?;
        check_owner(path, &pool).await?;
        let records = prepare(&pool).await.map_err(|source| failed(path, source))?;
        Ok(Self { records, pool })
    }

    /// From here on changes are written to the file.
    pub(crate) fn into_journal(self) -> (Vec<Record>, Journal) {
        (self.records, Journal::start(self.pool))
    }
}

fn failed(path: &Path, source: impl std::error::Error + Send + Sync + 'static) -> DataError {
    DataError::Open { path: path.to_owned(), source: Box::new(source) }
}

/// Creates the file readable by its owner only; SQLite gives its side files the same permissions.
fn create_private(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// Refuses databases of other programs and of the future, before anything is written to them.
async fn check_owner(path: &Path, pool: &SqlitePool) -> Result<(), DataError> {
    let number = async |query: &'static str| {
        sqlx::query_scalar::<_, i64>(query).fetch_one(pool).await.map_err(|source| failed(path, source))
    };
    let application = number("PRAGMA application_id").await?;
    let tables = number("SELECT count(*) FROM sqlite_master").await?;
    if application != APPLICATION_ID && (application != 0 || tables != 0) {
        return Err(DataError::NotATenants(path.to_owned()));
    }
    let layout = number("PRAGMA user_version").await?;
    if layout > LAYOUT {
        let path = path.to_owned();
        return Err(DataError::Newer { path, layout });
    }
    Ok(())
}

/// Creates what is missing, takes the lock, and reads everything.
async fn prepare(pool: &SqlitePool) -> Result<Vec<Record>, sqlx::Error> {
    sqlx::raw_sql(SCHEMA).execute(pool).await?;
    let rows = sqlx::query("SELECT kind, key, body FROM record").fetch_all(pool).await?;
    rows.iter()
        .map(|row| Ok(Record { kind: row.try_get("kind")?, key: row.try_get("key")?, body: row.try_get("body")? }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_names_the_numbers_that_are_checked() {
        assert!(SCHEMA.contains(&format!("application_id = {APPLICATION_ID:#x};")));
        assert!(SCHEMA.contains(&format!("user_version = {LAYOUT};")));
    }
}
