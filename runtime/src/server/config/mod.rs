//! Settings of a server: one struct for each area, with the unit, the default and the cost of each field.
//!
//! To add a setting, add a field to the struct of its area, its default, and its check in `problems`. Use it in
//! `server/build.rs`, and document it in `docs/operations.md`. The settings of the token cache are in
//! `auth/token_cache/config.rs`.

mod http;
mod limits;
mod tools;

use serde::Deserialize;

pub use self::{http::HttpConfig, limits::LimitsConfig, tools::ToolsConfig};
pub use crate::auth::TokenCacheConfig;
use crate::error::BuildProblem;

/// All settings of a server. Durations are strings such as `"30s"` or `"5m"` when they are deserialized.
///
/// ```
/// # use toolgate::prelude::*;
/// # pub static SCOPES: Scopes = Scopes::new(&["a:read"]);
/// # fn main() {
/// let config: toolgate::config::Config = serde_json::from_str(
///     r#"{ "limits": { "max_requests_per_caller": 8 }, "token_cache": { "ttl": "30s" } }"#,
/// ).unwrap();
/// let server = Server::new("company", &SCOPES)
///     .config(config)
///     .tools(|tools| tools.timeout = None);
/// # let _ = server;
/// # }
/// ```
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// HTTP: endpoint, allowed hosts and origins, sizes and time limits of requests.
    pub http: HttpConfig,
    /// Limits on concurrent requests and on results.
    pub limits: LimitsConfig,
    /// Cache of introspection responses.
    pub token_cache: TokenCacheConfig,
    /// Tools: time limit and caching of lists.
    pub tools: ToolsConfig,
}

impl Config {
    /// Returns every invalid setting.
    pub(crate) fn problems(&self) -> Vec<BuildProblem> {
        let mut problems = self.http.problems();
        problems.extend(self.limits.problems());
        problems
    }
}

/// Returns a problem if a number is below its minimum.
fn check_minimum(setting: &'static str, value: usize, minimum: usize) -> Option<BuildProblem> {
    (value < minimum).then_some(BuildProblem::TooSmall { setting, minimum, value })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_defaults_are_valid() {
        assert_eq!(Config::default().problems(), []);
    }

    #[test]
    fn invalid_settings_are_problems() {
        let mut config = Config::default();
        config.http.max_body_bytes = 0;
        config.http.body_timeout = Duration::ZERO;
        config.http.max_header_bytes = 0;
        config.http.max_connections = Some(0);
        config.http.header_timeout = Duration::ZERO;
        config.http.write_timeout = Duration::ZERO;
        // Valid: a server may stop without waiting for requests in flight.
        config.http.shutdown_timeout = Duration::ZERO;
        config.limits.max_requests_in_flight = 0;
        config.limits.max_requests_per_caller = 0;
        config.limits.max_result_bytes = 0;
        config.http.max_message_bytes = 0;
        config.limits.max_unknown_tokens = 0;
        config.http.trusted_proxies = vec!["proxy.example.com".to_owned()];
        config.limits.max_body_memory = 0;
        // Valid: arguments take at most 16 times their size.
        config.limits.max_parsed_bytes = 0;
        assert_eq!(config.problems().len(), 13, "{:?}", config.problems());
    }

    #[test]
    fn a_setting_that_does_not_exist_is_rejected() {
        let config: Result<Config, _> = serde_json::from_str(r#"{ "limits": { "max_request_in_flight": 8 } }"#);
        assert!(config.unwrap_err().to_string().contains("max_requests_in_flight"));
        let config: Config = serde_json::from_str(r#"{ "tools": { "timeout": null, "list_ttl": "2m" } }"#).unwrap();
        assert_eq!((config.tools.timeout, config.tools.list_ttl), (None, Duration::from_mins(2)));
    }
}
