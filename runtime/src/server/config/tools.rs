//! Settings of all tools.

use std::time::Duration;

use serde::Deserialize;

/// Settings that apply to all tools.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ToolsConfig {
    /// Time limit of tools that declare none. `None` means no limit. Default: 60 seconds.
    #[serde(with = "humantime_serde")]
    pub timeout: Option<Duration>,
    /// Time for which a client may cache a list of tools (`ttlMs`). A longer time delays the effect of changed scopes on
    /// the list; calls are not affected. Default: zero.
    #[serde(with = "humantime_serde")]
    pub list_ttl: Duration,
}

impl Default for ToolsConfig {
    fn default() -> Self {
        Self { timeout: Some(Duration::from_mins(1)), list_ttl: Duration::ZERO }
    }
}
