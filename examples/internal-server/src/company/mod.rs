//! The sample company's data: a SQLite file that is created and filled on first start.
//!
//! All data is fictional: `sample/` composes it from small lists of words. Each subject has one file with its queries
//! and their result types. Queries pass every value as a parameter.

mod analytics;
mod customers;
mod employees;
mod error;
mod finance;
mod payroll;
mod reports;
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
use error::is_busy;
pub use finance::{RevenueReport, RevenueShare};
pub use payroll::{DepartmentPayroll, Payment, PayrollExport, PayrollSummary};
pub use reports::{AnnualReport, MetricSummary, QuarterReport};
pub use tickets::{
    Priority, Ticket, TicketComment, TicketDetails, TicketList, TicketQueue, TicketStatus, TicketUpdate,
};

/// `PRAGMA application_id` of a sample company's file: "tgcs" in ASCII.
const APPLICATION_ID: i32 = i32::from_be_bytes(*b"tgcs");
/// `PRAGMA user_version` of the schema in `schema.sql`.
const SCHEMA_VERSION: i32 = 3;

/// Maximum time that a statement waits for another writer.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const MAX_CONNECTIONS: u32 = 4;

/// The company's database. Clones share one pool of connections.
#[derive(Debug, Clone)]
pub struct Company {
    pool: SqlitePool,
}

impl Company {
    /// Opens the database at `path`. If the file does not exist, creates it, including its parent folders, and fills
    /// it with sample data.
    ///
    /// The sample data is written in one transaction. A crash leaves the file empty, and of two processes that start
    /// at the same time only one fills it.
    ///
    /// # Errors
    ///
    /// Returns an error if the folder or the file cannot be written, or if the file is not a sample company's
    /// database. In the latter case the file is not changed.
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
        let error = |source| OpenError::from_sqlite(path, source);

        let mut connection = options.connect().await.map_err(error)?;
        let contents = initialize(&mut connection).await.map_err(error)?;
        if matches!(contents, Contents::Company) {
            enable_write_ahead_log(&mut connection).await.map_err(error)?;
        }
        connection.close().await.map_err(error)?;
        match contents {
            Contents::Company => {}
            Contents::Foreign => return Err(OpenError::Foreign(path.to_owned())),
            Contents::OtherVersion(found) => {
                return Err(OpenError::OtherVersion { path: path.to_owned(), found, expected: SCHEMA_VERSION });
            }
        }

        let pool =
            SqlitePoolOptions::new().max_connections(MAX_CONNECTIONS).connect_with(options).await.map_err(error)?;
        Ok(Self { pool })
    }

    /// Waits for running queries to finish, then closes the file.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// The contents of a database file.
enum Contents {
    Company,
    Foreign,
    OtherVersion(i32),
}

/// Identifies the contents of the file, and fills an empty file, in one transaction.
async fn initialize(connection: &mut SqliteConnection) -> Result<Contents, sqlx::Error> {
    // `IMMEDIATE` takes the write lock first: a second process waits here and then finds the file filled.
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

/// Enables the write-ahead log, which allows reads during a write. The setting is stored in the file.
///
/// SQLite does not wait for locks when it changes the journal mode. If the file is locked, another process is opening
/// it and will change the mode, so `SQLITE_BUSY` is not an error.
async fn enable_write_ahead_log(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    match sqlx::query("PRAGMA journal_mode = WAL").execute(connection).await {
        Err(error) if is_busy(&error) => Ok(()),
        other => other.map(drop),
    }
}

#[cfg(test)]
mod tests;
