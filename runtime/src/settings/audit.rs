//! Settings of the audit file.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Settings of the file that the audit log is written to, which the function `logging::init` and the command line open
/// (features `audit-file` and `logging`).
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct AuditConfig {
    /// Path of the file, to which records are appended as JSON lines. Each process needs a file of its own. Default: none.
    pub path: Option<PathBuf>,
    /// Maximum size of the file, in bytes, before it is rotated; at least 1. Default: 100 MiB.
    pub max_bytes: u64,
    /// Whether the file is also rotated at the end of each day (UTC). Default: `false`.
    pub daily: bool,
    /// Number of rotated files that are retained; at least 1. Older ones are deleted. Default: 10.
    pub keep: usize,
    /// Maximum size of the records that wait in memory for the disk, in bytes; at least 1 MiB. Calls are rejected before it
    /// is reached. Default: 4 MiB.
    pub max_queue_bytes: usize,
}

impl Default for AuditConfig {
    fn default() -> Self {
        Self { path: None, max_bytes: 100 * 1024 * 1024, daily: false, keep: 10, max_queue_bytes: 4 * 1024 * 1024 }
    }
}
