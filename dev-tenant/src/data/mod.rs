//! State that outlives the process: a SQLite file.
//!
//! The tenant works in memory. Each change is also sent to one task that writes it down, in order; a request that
//! changed something is answered once its changes are on disk.

mod file;
mod journal;

pub use file::{DataError, TenantData};
pub(crate) use journal::{Journal, Record};
