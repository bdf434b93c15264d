//! Limits on requests and results.

use serde::{Deserialize, Serialize};

use super::check_minimum;
use crate::error::BuildProblem;

/// Limits on concurrent requests and on the size of results.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct LimitsConfig {
    /// Maximum number of requests to the MCP endpoint in flight, whose tokens are valid. A request beyond it is rejected
    /// with 429. A request is in flight until its response, which may be a stream, has been sent. Default: 1024.
    pub max_requests_in_flight: usize,
    /// Maximum number of requests in flight for each caller; one beyond it is rejected with 429. A user in an
    /// organization is one caller, with any number of tokens; a token without a user counts by itself. Default: 64.
    pub max_requests_per_caller: usize,
    /// Maximum number of requests whose token is being validated and is not cached; one beyond it is rejected with 429.
    /// One address takes at most half of them, and the next at most half of the rest; see
    /// [`trusted_proxies`](super::HttpConfig::trusted_proxies). They take no place from requests with cached tokens.
    /// Default: 1024.
    pub max_unknown_tokens: usize,
    /// Maximum memory that the bodies of all requests in flight take, in bytes, parsed values included. A request beyond
    /// it is rejected with 429. One caller takes at most a quarter. Bodies that take less than 64 KiB do not count.
    /// Default: 256 MiB.
    pub max_body_memory: usize,
    /// Memory that the parsed arguments of one call may take, in bytes. Arguments may always take 16 times the size of
    /// their JSON; this allows small ones to take more, such as lists of many small objects. A call beyond it is rejected
    /// with 400. Default: 4 MiB.
    pub max_parsed_bytes: usize,
    /// Maximum number of open streams that notify clients, such as the standalone stream of a
    /// [session](crate::Server::sessions). A stream beyond it is rejected with 429. A stream is not a request in flight, but
    /// each takes a connection. Default: 1024.
    pub max_streams: usize,
    /// Maximum number of such streams for each caller; one beyond it is rejected with 429. Default: 16.
    pub max_streams_per_caller: usize,
    /// Maximum size of the result of a call, in bytes of JSON; at least 1024. A larger result is replaced by an error:
    /// a result with `isError`, or a JSON-RPC error for prompts and resources. Default: 16 MiB.
    pub max_result_bytes: usize,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            max_requests_in_flight: 1024,
            max_requests_per_caller: 64,
            max_unknown_tokens: 1024,
            max_body_memory: 256 * 1024 * 1024,
            max_parsed_bytes: 4 * 1024 * 1024,
            max_streams: 1024,
            max_streams_per_caller: 16,
            max_result_bytes: 16 * 1024 * 1024,
        }
    }
}

impl LimitsConfig {
    pub(super) fn problems(&self) -> impl Iterator<Item = BuildProblem> {
        [
            check_minimum("limits.max_requests_in_flight", self.max_requests_in_flight, 1),
            check_minimum("limits.max_requests_per_caller", self.max_requests_per_caller, 1),
            check_minimum("limits.max_unknown_tokens", self.max_unknown_tokens, 1),
            check_minimum("limits.max_body_memory", self.max_body_memory, 1024 * 1024),
            check_minimum("limits.max_streams", self.max_streams, 1),
            check_minimum("limits.max_streams_per_caller", self.max_streams_per_caller, 1),
            check_minimum("limits.max_result_bytes", self.max_result_bytes, 1024),
        ]
        .into_iter()
        .flatten()
    }
}
