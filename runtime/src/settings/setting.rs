//! The table of all settings.

/// Beginning of the names of environment variables with settings.
pub(crate) const PREFIX: &str = "TOOLGATE_";

/// A setting: a field of [`Config`](crate::config::Config).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    /// Key in the configuration file: section and field, or a field of no section.
    pub(crate) key: &'static str,
    pub(crate) kind: Kind,
    /// Further environment variables, from the strongest to the weakest. All are weaker than [`variable`](Self::variable).
    pub(crate) aliases: &'static [&'static str],
}

/// Type of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Path,
    /// Text that is never shown, and that may be in a file.
    Secret,
    Number,
    Bytes,
    Switch,
    Duration,
    DurationOrNone,
    Address,
    List,
    /// A rate, or `none`.
    Rate,
    /// Rates by names. In a variable, each is `NAME=RATE`.
    Rates,
    Choice(&'static [&'static str]),
}

const fn setting(key: &'static str, kind: Kind) -> Setting {
    Setting { key, kind, aliases: &[] }
}

const fn also(aliases: &'static [&'static str], setting: Setting) -> Setting {
    Setting { aliases, ..setting }
}

/// Every setting. A test compares the table with the fields of `Config` and with `docs/configuration.md`.
pub(crate) const SETTINGS: &[Setting] = &[
    setting("preflight", Kind::Choice(&["background", "required", "skipped"])),
    also(&["POLICY_LOCK"], setting("policy_lock", Kind::Path)),
    also(&["SERVER_URL"], setting("http.server_url", Kind::Text)),
    also(&["BIND_ADDR"], setting("http.bind", Kind::Address)),
    setting("http.allow_network_access_to_loopback_url", Kind::Switch),
    setting("http.endpoint_path", Kind::Text),
    setting("http.allowed_hosts", Kind::List),
    setting("http.allowed_origins", Kind::List),
    setting("http.trusted_proxies", Kind::List),
    setting("http.max_body_bytes", Kind::Bytes),
    setting("http.max_message_bytes", Kind::Bytes),
    setting("http.max_token_bytes", Kind::Bytes),
    setting("http.body_timeout", Kind::Duration),
    setting("http.max_header_bytes", Kind::Bytes),
    setting("http.max_connections", Kind::Number),
    setting("http.header_timeout", Kind::Duration),
    setting("http.keep_alive_timeout", Kind::Duration),
    setting("http.write_timeout", Kind::Duration),
    setting("http.shutdown_delay", Kind::Duration),
    setting("http.shutdown_timeout", Kind::Duration),
    setting("http.tls_certificate", Kind::Path),
    setting("http.tls_key", Kind::Path),
    setting("http.tls_reload_interval", Kind::Duration),
    also(&["METRICS_ADDR"], setting("http.metrics_address", Kind::Address)),
    setting("http.metrics_hosts", Kind::List),
    also(&["CONSOLE_ADDR"], setting("http.console_address", Kind::Address)),
    setting("http.console_hosts", Kind::List),
    setting("http.expose_console_without_authentication", Kind::Switch),
    setting("http.landing_page", Kind::Switch),
    setting("limits.max_requests_in_flight", Kind::Number),
    setting("limits.max_requests_per_caller", Kind::Number),
    setting("limits.max_unknown_tokens", Kind::Number),
    setting("limits.max_body_memory", Kind::Bytes),
    setting("limits.max_parsed_bytes", Kind::Bytes),
    setting("limits.max_streams", Kind::Number),
    setting("limits.max_streams_per_caller", Kind::Number),
    setting("limits.max_result_bytes", Kind::Bytes),
    setting("rates.caller", Kind::Rate),
    setting("rates.roles", Kind::Rates),
    setting("rates.operations", Kind::Rates),
    setting("rates.operation_totals", Kind::Rates),
    setting("rates.max_counters", Kind::Number),
    setting("token_cache.ttl", Kind::Duration),
    setting("token_cache.inactive_ttl", Kind::Duration),
    setting("token_cache.stale_if_error", Kind::Duration),
    setting("token_cache.max_tokens", Kind::Number),
    setting("token_cache.max_bytes", Kind::Bytes),
    setting("operations.timeout", Kind::DurationOrNone),
    setting("operations.list_ttl", Kind::Duration),
    setting("operations.request_state_key", Kind::Secret),
    setting("operations.list_acquirable", Kind::Switch),
    setting("operations.list_page_size", Kind::Number),
    setting("sessions.enabled", Kind::Switch),
    setting("sessions.max_sessions", Kind::Number),
    setting("sessions.max_sessions_per_caller", Kind::Number),
    setting("sessions.idle_timeout", Kind::Duration),
    setting("sessions.max_lifetime", Kind::Duration),
    setting("sessions.input_timeout", Kind::Duration),
    setting("sessions.max_buffered_messages", Kind::Number),
    setting("sessions.max_buffered_bytes", Kind::Bytes),
    setting("approvals.client_id", Kind::Text),
    setting("approvals.client_secret", Kind::Secret),
    setting("approvals.lifetime", Kind::Duration),
    setting("approvals.wait", Kind::Duration),
    setting("subscriptions.check_interval", Kind::Duration),
    setting("subscriptions.max_resources", Kind::Number),
    setting("tasks.max_tasks", Kind::Number),
    setting("tasks.max_tasks_per_caller", Kind::Number),
    setting("tasks.timeout", Kind::Duration),
    setting("tasks.ttl", Kind::Duration),
    setting("tasks.max_stored_bytes", Kind::Bytes),
    also(&["TOOLGATE_LOG", "RUST_LOG"], setting("log.filter", Kind::Text)),
    setting("log.format", Kind::Choice(&["human", "json"])),
    setting("audit.path", Kind::Path),
    setting("audit.max_bytes", Kind::Bytes),
    setting("audit.daily", Kind::Switch),
    setting("audit.keep", Kind::Number),
    setting("audit.max_queue_bytes", Kind::Bytes),
    setting("traces.max_per_second", Kind::Number),
    setting("traces.caller", Kind::Switch),
    setting("replication.url", Kind::Secret),
    setting("replication.key_prefix", Kind::Text),
    setting("replication.shared_cache_secret", Kind::Secret),
];

impl Setting {
    /// Returns the setting with this key.
    #[cfg(any(feature = "config-file", test))]
    pub(crate) fn find(key: &str) -> Option<&'static Self> {
        SETTINGS.iter().find(|setting| setting.key == key)
    }

    /// Returns the section of the configuration file, and the field in it.
    #[cfg(any(feature = "config-file", test))]
    pub(crate) fn section_and_field(&self) -> (Option<&'static str>, &'static str) {
        self.key.split_once('.').map_or((None, self.key), |(section, field)| (Some(section), field))
    }

    /// Returns the environment variable that is named after the key, such as `TOOLGATE_HTTP_BIND`.
    pub(crate) fn variable(&self) -> String {
        format!("{PREFIX}{}", self.key.replace('.', "_").to_uppercase())
    }

    /// Returns the environment variables of the setting, from the strongest to the weakest.
    pub(crate) fn variables(&self) -> Vec<String> {
        std::iter::once(self.variable()).chain(self.aliases.iter().map(|&alias| alias.to_owned())).collect()
    }
}

impl Kind {
    /// Returns what a value must be, after "must be".
    pub(crate) fn expected(self, is_variable: bool) -> String {
        match self {
            Self::Text | Self::Path | Self::Secret => "a text".to_owned(),
            Self::Number => "a number such as 64, without a sign".to_owned(),
            Self::Bytes => "a number of bytes such as 65536, without a unit".to_owned(),
            Self::Switch => "true or false".to_owned(),
            Self::Duration => "a duration such as 30s or 5m".to_owned(),
            Self::DurationOrNone => "a duration such as 30s or 5m, or none".to_owned(),
            Self::Address => {
                "an address and a port, such as 127.0.0.1:8000, localhost:8000, or :8000 for all interfaces"
                    .to_owned()
            }
            Self::List if is_variable => "texts separated by commas".to_owned(),
            Self::List => r#"a list of texts such as ["a", "b"]"#.to_owned(),
            Self::Rate => "a rate such as 600/minute, with second, minute, hour or day, or none".to_owned(),
            Self::Rates if is_variable => "names and rates such as HR=60/minute,Support=none".to_owned(),
            Self::Rates => r#"a table of names and rates such as { HR = "60/minute", Support = "none" }"#.to_owned(),
            Self::Choice(choices) => format!("one of {}", choices.join(", ")),
        }
    }
}

/// Returns the name that is most similar to an unknown one, if one is similar. Only what differs is compared: a section
/// that both are in makes them no more similar.
pub(crate) fn nearest<T: AsRef<str>>(name: &str, known: impl IntoIterator<Item = T>) -> Option<T> {
    let name = name.to_lowercase();
    let similarity = |other: &T| {
        let other = other.as_ref().to_lowercase();
        let shared: usize =
            name.chars().zip(other.chars()).take_while(|(a, b)| a == b).map(|(char, _)| char.len_utf8()).sum();
        let words = name[..shared].rfind(['.', '_']).map_or(0, |separator| separator + 1);
        strsim::normalized_damerau_levenshtein(&name[words..], &other[words..])
    };
    known
        .into_iter()
        .map(|other| (similarity(&other), other))
        .filter(|(similarity, _)| *similarity > 0.6)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, other)| other)
}
