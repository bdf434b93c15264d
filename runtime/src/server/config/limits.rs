//! Limits on requests and results.

use serde::Deserialize;

use super::check_minimum;
use crate::error::BuildProblem;

/// Limits on concurrent requests and on the size of results.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct LimitsConfig {
    /// Maximum number of requests to the MCP endpoint in flight. A request beyond it is rejected with 429 before its
    /// token is validated. A request is in flight until its response, which may be a stream, has been sent. Default: 1024.
    pub max_requests_in_flight: usize,
    /// Maximum number of requests in flight for each caller; one beyond it is rejected with 429. A user in an
    /// organization is one caller, with any number of tokens; a token without a user counts by itself. Default: 64.
    pub max_requests_per_caller: usize,
    /// Maximum size of a tool's result, in bytes of JSON; at least 1024. A larger result is replaced by an
    /// error result (`isError`). Default: 16 MiB.
    pub max_result_bytes: usize,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self { max_requests_in_flight: 1024, max_requests_per_caller: 64, max_result_bytes: 16 * 1024 * 1024 }
    }
}

impl LimitsConfig {
    pub(super) fn problems(&self) -> impl Iterator<Item = BuildProblem> {
        [
            check_minimum("limits.max_requests_in_flight", self.max_requests_in_flight, 1),
            check_minimum("limits.max_requests_per_caller", self.max_requests_per_caller, 1),
            check_minimum("limits.max_result_bytes", self.max_result_bytes, 1024),
        ]
        .into_iter()
        .flatten()
    }
}
