//! Settings of the log.

use serde::{Deserialize, Serialize};

/// Settings of the log on standard error, which the function `logging::init` and the command line install.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct LogConfig {
    /// Filter of the log, such as `info,my_server=debug`, in the syntax of
    /// [`EnvFilter`](https://docs.rs/tracing-subscriber/latest/tracing_subscriber/filter/struct.EnvFilter.html#directives).
    /// Default: `info`.
    pub filter: String,
    /// Format of a line. Default: `human`.
    pub format: LogFormat,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { filter: "info".to_owned(), format: LogFormat::default() }
    }
}

/// Format of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum LogFormat {
    /// Text, with colors on a terminal.
    #[default]
    Human,
    /// One JSON object for each event.
    Json,
}
