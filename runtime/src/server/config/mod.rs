//! Settings of a server: one struct for each area, with the unit, the default and the cost of each field.
//!
//! Every field can be set in code, in a TOML file, and by an environment variable. The layers are, from the weakest to the
//! strongest:
//!
//! 1. the defaults,
//! 2. the program: [`Server::http`](crate::Server::http), [`Server::bind`](crate::Server::bind), and so on,
//! 3. the TOML file that the variable `TOOLGATE_CONFIG` names, or [`Server::config_file`](crate::Server::config_file), or
//!    `--config` of the command line. Sections and keys are named as the fields,
//! 4. environment variables, named after section and field: `TOOLGATE_HTTP_MAX_BODY_BYTES` sets
//!    [`HttpConfig::max_body_bytes`]. `SERVER_URL`, `BIND_ADDR`, `METRICS_ADDR`, `CONSOLE_ADDR`, `POLICY_LOCK`, `TOOLGATE_LOG` and `RUST_LOG`
//!    also work. Items of a list are separated by commas. A blank variable is not set,
//! 5. options of the command line.
//!
//! A secret can be in a file: `TOOLGATE_OPERATIONS_REQUEST_STATE_KEY_FILE=/run/secrets/key`, or `request_state_key_file` in the
//! TOML file. A line break at its end is ignored.
//!
//! A variable that begins with `TOOLGATE_` or a key that is not a setting is an error, and so is a value of another type.
//! `docs/configuration.md` lists all settings.
//!
//! ```toml
//! preflight = "required"
//!
//! [http]
//! server_url = "https://mcp.example.com"
//! bind = ":8000"
//! allowed_origins = ["https://app.example.com"]
//!
//! [token_cache]
//! ttl = "30s"
//! ```
//!
//! To add a setting, add a field to the struct of its area, its default, its check in `problems`, an entry of the table in
//! `settings/setting.rs`, and a row of `docs/configuration.md`. Use it in `server/build.rs`.

mod approvals;
mod effective;
mod http;
mod limits;
mod operations;
mod rates;
mod replication;
mod sessions;
mod subscriptions;
mod tasks;

use std::path::PathBuf;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

#[cfg(feature = "cli")]
pub(crate) use self::effective::table;
pub use self::{
    approvals::ApprovalsConfig, effective::Settings, http::HttpConfig, limits::LimitsConfig,
    operations::OperationsConfig, rates::RatesConfig, replication::ReplicationConfig, sessions::SessionsConfig,
    subscriptions::SubscriptionsConfig, tasks::TasksConfig,
};
pub use super::startup::PreflightMode;
use crate::error::BuildProblem;
pub use crate::{
    auth::TokenCacheConfig,
    settings::{AuditConfig, ConfigError, LogConfig, LogFormat, SecretError, SettingValue, Source, TracesConfig},
};

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
///     .operations(|operations| operations.timeout = None);
/// # let _ = server;
/// # }
/// ```
///
/// Secrets are not serialized.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// When the [preflight check](crate::BuiltServer::preflight) runs. Default: `background`.
    pub preflight: PreflightMode,
    /// Lock file of the reviewed policy: the server does not start with another policy. It takes precedence over
    /// [`Server::policy_lock`](crate::Server::policy_lock). Default: none.
    pub policy_lock: Option<PathBuf>,
    /// HTTP: addresses, endpoint, allowed hosts and origins, sizes and time limits of requests.
    pub http: HttpConfig,
    /// Limits on concurrent requests and on results.
    pub limits: LimitsConfig,
    /// Rates: how often a caller may call.
    pub rates: RatesConfig,
    /// Cache of introspection responses.
    pub token_cache: TokenCacheConfig,
    /// Tools: time limit, caching of lists, and the key that signs `requestState`.
    pub operations: OperationsConfig,
    /// Subscriptions: how often functions that decide access are evaluated again, and how many resources one names.
    pub subscriptions: SubscriptionsConfig,
    /// Sessions of clients of the revisions before 2026-07-28.
    pub sessions: SessionsConfig,
    /// Approvals of calls by a person.
    pub approvals: ApprovalsConfig,
    /// Tasks: their number, their time, and the space of their results.
    pub tasks: TasksConfig,
    /// The log on standard error.
    pub log: LogConfig,
    /// The file of the audit log.
    pub audit: AuditConfig,
    /// Traces that are exported to OpenTelemetry.
    pub traces: TracesConfig,
    /// Redis, which replicas share.
    pub replication: ReplicationConfig,
}

impl Config {
    /// Returns every invalid setting.
    pub(crate) fn problems(&self) -> Vec<BuildProblem> {
        let mut problems = self.http.problems();
        problems.extend(self.limits.problems());
        problems.extend(self.rates.problems());
        problems.extend(self.operations.problems());
        problems.extend(self.subscriptions.problems());
        problems.extend(self.sessions.problems());
        problems.extend(self.tasks.problems());
        problems.extend(check_minimum(
            "audit.max_bytes",
            usize::try_from(self.audit.max_bytes).unwrap_or(usize::MAX),
            1,
        ));
        problems.extend(check_minimum("audit.keep", self.audit.keep, 1));
        problems.extend(check_minimum("audit.max_queue_bytes", self.audit.max_queue_bytes, 1024 * 1024));
        problems.extend(self.approvals.problems());
        problems.extend(self.replication.problems());
        problems
    }

    /// Returns the secrets and their keys.
    fn secrets(&mut self) -> [(&'static str, &mut Option<SecretString>); 4] {
        [
            ("operations.request_state_key", &mut self.operations.request_state_key),
            ("approvals.client_secret", &mut self.approvals.client_secret),
            ("replication.url", &mut self.replication.url),
            ("replication.shared_cache_secret", &mut self.replication.shared_cache_secret),
        ]
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
        config.http.max_token_bytes = 0;
        config.http.max_connections = Some(0);
        config.http.header_timeout = Duration::ZERO;
        config.http.keep_alive_timeout = Duration::ZERO;
        config.http.write_timeout = Duration::ZERO;
        // Valid: a server may stop without waiting for requests in flight.
        config.http.shutdown_timeout = Duration::ZERO;
        config.limits.max_requests_in_flight = 0;
        config.limits.max_requests_per_caller = 0;
        config.limits.max_result_bytes = 0;
        config.limits.max_streams = 0;
        config.limits.max_streams_per_caller = 0;
        config.http.max_message_bytes = 0;
        config.limits.max_unknown_tokens = 0;
        config.http.trusted_proxies = vec!["proxy.example.com".to_owned()];
        config.limits.max_body_memory = 0;
        config.operations.request_state_key = Some("short".into());
        config.subscriptions.check_interval = Duration::ZERO;
        config.subscriptions.max_resources = 0;
        config.tasks.max_tasks = 0;
        config.tasks.max_tasks_per_caller = 0;
        config.tasks.timeout = Duration::ZERO;
        config.tasks.ttl = Duration::ZERO;
        config.tasks.max_stored_bytes = 0;
        config.audit.max_bytes = 0;
        config.audit.keep = 0;
        config.audit.max_queue_bytes = 0;
        config.sessions.max_sessions = 0;
        config.sessions.max_sessions_per_caller = 0;
        config.sessions.idle_timeout = Duration::ZERO;
        config.sessions.max_lifetime = Duration::ZERO;
        config.sessions.input_timeout = Duration::ZERO;
        config.sessions.max_buffered_messages = 0;
        config.sessions.max_buffered_bytes = 0;
        // Valid: arguments take at most 16 times their size.
        config.limits.max_parsed_bytes = 0;
        config.rates.max_counters = 0;
        assert_eq!(config.problems().len(), 36, "{:?}", config.problems());
    }

    #[test]
    fn every_field_is_in_the_table_of_settings() {
        let mut fields = Vec::new();
        for (key, value) in serde_json::to_value(Config::default()).unwrap().as_object().unwrap() {
            match value.as_object() {
                Some(section) => fields.extend(section.keys().map(|field| format!("{key}.{field}"))),
                None => fields.push(key.clone()),
            }
        }
        fields.sort_unstable();
        let mut table: Vec<_> = crate::settings::SETTINGS.iter().map(|setting| setting.key).collect();
        table.sort_unstable();
        assert_eq!(fields, table);
        let mut config = Config::default();
        let secrets = config.secrets().map(|(key, _)| key);
        for setting in crate::settings::SETTINGS {
            let is_secret = setting.kind == crate::settings::Kind::Secret;
            assert_eq!(secrets.contains(&setting.key), is_secret, "{}", setting.key);
        }
    }

    #[test]
    fn a_setting_that_does_not_exist_is_rejected() {
        let config: Result<Config, _> = serde_json::from_str(r#"{ "limits": { "max_request_in_flight": 8 } }"#);
        assert!(config.unwrap_err().to_string().contains("max_requests_in_flight"));
        let config: Config = serde_json::from_str(
            r#"{ "operations": { "timeout": null, "list_ttl": "2m", "list_acquirable": true } }"#,
        )
        .unwrap();
        assert_eq!((config.operations.timeout, config.operations.list_ttl), (None, Duration::from_mins(2)));
        assert!(config.operations.list_acquirable && !Config::default().operations.list_acquirable);
    }
}
