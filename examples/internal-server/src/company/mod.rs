//! The sample company: a SQLite file, made and filled on first start.
//!
//! Everything in it is composed by `sample/` from small lists of words; nobody in it exists. Each
//! subject has its file with its queries and the types that they return, and every query passes its
//! values as parameters.

mod analytics;
mod customers;
mod employees;
mod error;
mod finance;
mod payroll;
mod sample;
mod tickets;

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{ConnectOptions, Connection, SqliteConnection, SqlitePool};

pub use analytics::{AnalyticsReport, DataPoint, Metric};
pub use customers::{CustomerContact, CustomerStatus, CustomerSummary, Plan};
pub use employees::{Department, EmployeeSearch, PrivateProfile, PublicProfile};
pub use error::OpenError;
use error::{SQLITE_BUSY, result_code};
pub use finance::{RevenueReport, RevenueShare};
pub use payroll::{DepartmentPayroll, PayrollSummary};
pub use tickets::{Priority, Ticket, TicketComment, TicketDetails, TicketList, TicketStatus, TicketUpdate};

/// `PRAGMA application_id` of a file that holds a sample company: "tgcs" in ASCII.
const APPLICATION_ID: i32 = i32::from_be_bytes(*b"tgcs");
/// `PRAGMA user_version` of the schema that this program reads and writes.
const SCHEMA_VERSION: i32 = 1;

/// How long a statement waits for another one that is writing.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const MAX_CONNECTIONS: u32 = 4;

/// The company's data. Cloning it is cheap, and all clones share one pool of connections.
#[derive(Debug, Clone)]
pub struct Company {
    pool: SqlitePool,
}

impl Company {
    /// Opens the company at `path`, and makes it first when there is nothing yet.
    ///
    /// Missing folders are created. The sample data is written in one transaction, so a crash or a
    /// second process starting at the same moment leaves either all of it or none.
    ///
    /// # Errors
    ///
    /// When the folder or the file cannot be written, or the file holds something else than a
    /// sample company; the file is then left as it is.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let path = path.as_ref();
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)
                .map_err(|source| OpenError::Folder { folder: folder.to_owned(), source })?;
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        let explain = |source| OpenError::explain(path, source);

        let mut connection = options.connect().await.map_err(explain)?;
        let found = prepare(&mut connection).await.map_err(explain)?;
        if matches!(found, Contents::Company) {
            prefer_write_ahead_logging(&mut connection).await.map_err(explain)?;
        }
        connection.close().await.map_err(explain)?;
        match found {
            Contents::Company => {}
            Contents::Foreign => return Err(OpenError::Foreign(path.to_owned())),
            Contents::OtherVersion(found) => {
                return Err(OpenError::OtherVersion { path: path.to_owned(), found, expected: SCHEMA_VERSION });
            }
        }

        let pool =
            SqlitePoolOptions::new().max_connections(MAX_CONNECTIONS).connect_with(options).await.map_err(explain)?;
        Ok(Self { pool })
    }

    /// Waits for running queries and closes the file.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// What a database file turned out to hold.
enum Contents {
    Company,
    Foreign,
    OtherVersion(i32),
}

/// Looks at the file and fills it when it is empty, in one transaction.
async fn prepare(connection: &mut SqliteConnection) -> Result<Contents, sqlx::Error> {
    // Immediate: of two processes that find an empty file, the second waits and then finds it full.
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let application: i32 = sqlx::query_scalar("PRAGMA application_id").fetch_one(&mut *transaction).await?;
    let version: i32 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *transaction).await?;
    let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema").fetch_one(&mut *transaction).await?;
    match (application, version, tables) {
        (APPLICATION_ID, SCHEMA_VERSION, _) => Ok(Contents::Company),
        (APPLICATION_ID, other, _) => Ok(Contents::OtherVersion(other)),
        (0, 0, 0) => {
            sqlx::raw_sql(include_str!("schema.sql")).execute(&mut *transaction).await?;
            sample::fill(&mut transaction).await?;
            transaction.commit().await?;
            Ok(Contents::Company)
        }
        _ => Ok(Contents::Foreign),
    }
}

/// Lets readers and a writer work side by side. The file remembers it.
///
/// SQLite does not wait for a lock here. Who holds one is another process that opens the company too,
/// and which asks for the same in a moment; until then the file works as it is, only slower.
async fn prefer_write_ahead_logging(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    match sqlx::query("PRAGMA journal_mode = WAL").execute(connection).await {
        Err(error) if result_code(&error) == Some(SQLITE_BUSY) => Ok(()),
        other => other.map(drop),
    }
}

#[cfg(test)]
mod tests;
