//! Errors of installing the log.

use std::{fmt, io, path::PathBuf};

use thiserror::Error;

use crate::settings::ConfigError;

/// Reason why the log cannot be installed. `Debug` prints the same text as `Display`.
#[derive(Error)]
#[non_exhaustive]
pub enum LogError {
    /// The filter is invalid.
    #[error(
        "the filter of the log `{filter}` is invalid (`{directive}`): {problem}; set TOOLGATE_LOG or RUST_LOG to a filter such \
         as info,my_server=debug"
    )]
    Filter {
        /// The filter.
        filter: String,
        /// The part of it that is invalid.
        directive: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Settings cannot be read.
    #[error("the settings cannot be read:{}", Lines(.0))]
    Settings(Vec<ConfigError>),
    /// The audit file cannot be opened.
    #[error("cannot open the audit file {}, which `audit.path` names: {source}", .path.display())]
    AuditFile {
        /// The path.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The settings name an audit file, which the program cannot write.
    #[error("`audit.path` is set, and the program was built without the feature `audit-file` of toolgate: enable it")]
    WithoutAuditFile,
    /// The thread that writes the log cannot be started.
    #[error("cannot start the thread that writes the log: {0}")]
    Thread(io::Error),
    /// Traces cannot be exported.
    #[cfg(feature = "otel")]
    #[error(transparent)]
    Traces(#[from] crate::traces::TracesError),
    /// The process has no log of toolgate.
    #[error("the log is not installed: call `toolgate::logging::init` first")]
    NotInstalled,
    /// The process has a subscriber.
    #[error("the process has a subscriber of `tracing` or a logger of `log`: install the log once, before any other")]
    Installed,
}

impl From<Vec<ConfigError>> for LogError {
    fn from(errors: Vec<ConfigError>) -> Self {
        Self::Settings(errors)
    }
}

impl fmt::Debug for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

struct Lines<'a>(&'a [ConfigError]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [error] => write!(f, " {error}"),
            errors => errors.iter().try_for_each(|error| write!(f, "\n- {error}")),
        }
    }
}
