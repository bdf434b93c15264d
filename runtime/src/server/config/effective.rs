//! The settings that a server uses, and where each is from.

use std::{fmt, path::PathBuf};

use super::Config;
use crate::settings::{CommandLine, ConfigError, Environment, Layers, Loaded, SettingValue, Source};

/// The settings that a server uses, from all [layers](super), and where each is from; returned by
/// [`Server::settings`](crate::Server::settings).
///
/// `Display` lists the settings that are not defaults, one for each line, without secrets.
#[derive(Clone, Debug)]
pub struct Settings {
    config: Config,
    values: Vec<SettingValue>,
}

impl Settings {
    /// Returns the settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Returns all settings as text, with their sources.
    pub fn values(&self) -> &[SettingValue] {
        &self.values
    }

    /// Merges the settings of the code with the configuration file, the environment and the command line.
    pub(crate) fn load(
        code: &Config,
        file: Option<(PathBuf, &'static str)>,
        environment: &Environment,
        command_line: &CommandLine,
    ) -> Result<Self, Vec<ConfigError>> {
        let Loaded { settings: mut config, mut values } = Layers { file, environment, command_line }.load(code)?;
        let mut code = code.clone();
        for ((key, secret), (_, in_code)) in config.secrets().into_iter().zip(code.secrets()) {
            if secret.is_none() && in_code.is_some() {
                *secret = in_code.take();
                if let Some(value) = values.iter_mut().find(|value| value.key == key) {
                    "(secret)".clone_into(&mut value.value);
                    value.source = Source::Code;
                }
            }
        }
        Ok(Self { config, values })
    }

    pub(crate) fn into_config(self) -> (Config, Vec<SettingValue>) {
        (self.config, self.values)
    }
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&table(self.values.iter().filter(|value| value.source != Source::Default)))
    }
}

/// Formats settings as lines with their values and sources.
pub(crate) fn table<'a>(values: impl Iterator<Item = &'a SettingValue> + Clone) -> String {
    let width = values.clone().map(|value| value.key.len()).max().unwrap_or_default();
    let line = |value: &SettingValue| format!("{:width$} = {}  ({})\n", value.key, value.value, value.source);
    values.map(line).collect()
}

#[cfg(test)]
mod tests {
    use std::{io::Write as _, path::Path, time::Duration};

    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::rate::Rate;

    const KEY: &str = "hunter2-hunter2-hunter2-hunter2-hunter2";

    fn file(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    fn load(code: &Config, path: Option<&Path>, variables: &[(&str, &str)]) -> Result<Settings, Vec<String>> {
        let environment = Environment::new(variables.iter().map(|(name, value)| ((*name).to_owned(), value.into())));
        let mut command_line = CommandLine::default();
        command_line.set("http.bind", "--bind", "localhost:9000");
        let path = path.map(|path| (path.to_owned(), "--config"));
        Settings::load(code, path, &environment, &command_line)
            .map_err(|errors| errors.iter().map(ToString::to_string).collect())
    }

    fn source(settings: &Settings, key: &str) -> String {
        settings.values().iter().find(|value| value.key == key).unwrap().source.to_string()
    }

    #[test]
    fn a_later_layer_replaces_an_earlier_one_and_every_value_has_its_source() {
        let file = file(
            "preflight = \"required\"\n[http]\nmax_body_bytes = 2\nmax_message_bytes = 2\nbind = \":1\"\n\
             allowed_hosts = [\"a\", \"b\"]\n[operations]\ntimeout = \"none\"\n",
        );
        let mut code = Config::default();
        code.http.max_body_bytes = 1;
        code.http.max_message_bytes = 1;
        code.http.max_header_bytes = 1;
        code.http.bind = Some(([127, 0, 0, 1], 2).into());
        let variables = [
            ("TOOLGATE_HTTP_MAX_MESSAGE_BYTES", " 3 "),
            ("BIND_ADDR", "127.0.0.1:3"),
            ("TOOLGATE_HTTP_TRUSTED_PROXIES", "10.0.0.0/8, 10.1.1.1,"),
            ("TOOLGATE_TOKEN_CACHE_TTL", "2m 30s"),
            ("TOOLGATE_LIMITS_MAX_PARSED_BYTES", " "),
            ("UNRELATED", "x"),
        ];
        let settings = load(&code, Some(file.path()), &variables).unwrap();
        let http = &settings.config().http;
        let sizes = (http.max_header_bytes, http.max_body_bytes, http.max_message_bytes, http.max_token_bytes);
        assert_eq!(sizes, (1, 2, 3, 16 * 1024));
        assert_eq!(http.bind, Some(([127, 0, 0, 1], 9000).into()));
        assert_eq!(http.allowed_hosts, ["a", "b"]);
        assert_eq!(http.trusted_proxies, ["10.0.0.0/8", "10.1.1.1"]);
        assert_eq!(settings.config().token_cache.ttl, Some(Duration::from_secs(150)));
        assert_eq!(settings.config().operations.timeout, None);
        assert_eq!(settings.config().preflight, super::super::PreflightMode::Required);
        let path = file.path().to_str().unwrap();
        for (key, expected) in [
            ("http.max_token_bytes", "default"),
            ("http.max_header_bytes", "code"),
            ("http.max_body_bytes", path),
            ("http.max_message_bytes", "TOOLGATE_HTTP_MAX_MESSAGE_BYTES"),
            ("http.bind", "--bind"),
            ("http.trusted_proxies", "TOOLGATE_HTTP_TRUSTED_PROXIES"),
            ("limits.max_parsed_bytes", "default"),
        ] {
            assert_eq!(source(&settings, key), expected, "{key}");
        }
        let text = settings.to_string();
        assert!(
            text.contains("http.trusted_proxies   = 10.0.0.0/8,10.1.1.1  (TOOLGATE_HTTP_TRUSTED_PROXIES)\n"),
            "{text}"
        );
        assert_eq!(text.lines().count(), 9, "{text}");
    }

    #[test]
    fn rates_by_name_are_merged_and_every_invalid_one_is_reported() {
        let toml =
            file("[rates]\ncaller = \"30/second\"\n[rates.roles]\nHR = \"none\"\n\"Customer Support\" = \"9/day\"\n");
        let mut code = Config::default();
        code.rates.roles.insert("HR".to_owned(), Some(Rate::per_minute(60)));
        code.rates.roles.insert("Sales".to_owned(), Some(Rate::per_minute(60)));
        let variables = [
            ("TOOLGATE_RATES_CALLER", "none"),
            ("TOOLGATE_RATES_OPERATIONS", "payroll = 5/hour, company://x?a=b=none"),
        ];
        let settings = load(&code, Some(toml.path()), &variables).unwrap();
        let rates = &settings.config().rates;
        let entries = |entries: &[(&str, Option<Rate>)]| -> std::collections::BTreeMap<String, Option<Rate>> {
            entries.iter().map(|(name, rate)| ((*name).to_owned(), *rate)).collect()
        };
        let per_minute = Some(Rate::per_minute(60));
        assert_eq!(rates.caller, None);
        assert_eq!(
            rates.roles,
            entries(&[("HR", None), ("Sales", per_minute), ("Customer Support", Some(Rate::per_day(9)))])
        );
        assert_eq!(rates.operations, entries(&[("payroll", Some(Rate::per_hour(5))), ("company://x?a=b", None)]));
        let text = settings.to_string();
        assert!(text.contains("= Customer Support=9/day,HR=none,Sales=60/minute"), "{text}");
        assert!(text.contains("= company://x?a=b=none,payroll=5/hour  (TOOLGATE_RATES_OPERATIONS)"), "{text}");

        let toml = file("[rates]\nroles = \"HR=1/day\"\n[rates.operations]\npayroll = 5\n");
        let variables = [("TOOLGATE_RATES_CALLER", "many"), ("TOOLGATE_RATES_OPERATION_TOTALS", "payroll")];
        let mut errors = load(&Config::default(), Some(toml.path()), &variables).unwrap_err();
        errors.sort_unstable();
        let path = toml.path().display();
        let table = "a table of names and rates such as { HR = \"60/minute\", Support = \"none\" }";
        let expected = [
            "TOOLGATE_RATES_CALLER must be a rate such as 600/minute, with second, minute, hour or day, or none, got `many`"
                .to_owned(),
            "TOOLGATE_RATES_OPERATION_TOTALS must be names and rates such as HR=60/minute,Support=none, got `payroll`"
                .to_owned(),
            format!("`rates.operations` in {path} must be {table}, got `payroll=5`"),
            format!("`rates.roles` in {path} must be {table}, got `HR=1/day`"),
        ];
        assert_eq!(errors, expected);
    }

    #[test]
    fn nan_and_infinity_are_invalid_instead_of_absent() {
        let toml = file("[rates]\ncaller = nan\n[audit]\npath = inf\n");
        let errors = load(&Config::default(), Some(toml.path()), &[]).unwrap_err();
        for key in ["rates.caller", "audit.path"] {
            assert!(errors.iter().any(|error| error.starts_with(&format!("`{key}` in "))), "{errors:?}");
        }
    }

    #[test]
    fn a_variable_of_the_setting_is_stronger_than_its_older_names() {
        let variables = [("RUST_LOG", "warn"), ("TOOLGATE_LOG", "debug"), ("TOOLGATE_LOG_FILTER", "trace")];
        for (first, filter) in [(0, "trace"), (1, "debug")] {
            let settings = load(&Config::default(), None, &variables[..3 - first]).unwrap();
            assert_eq!(settings.config().log.filter, filter);
        }
    }

    #[test]
    fn every_unknown_name_is_reported_with_the_nearest_known_one() {
        let file = file("log_format = 1\n[http]\nmax_body_byte = 1\n[limit]\na = 1\n[operations]\nurl_file = 'x'\n");
        let variables = [("TOOLGATE_HTTP_MAX_BODY_BYTE", "1"), ("TOOLGATE_LOGFORMAT", "json"), ("TOOLGATE_XYZ", "1")];
        let errors = load(&Config::default(), Some(file.path()), &variables).unwrap_err();
        let path = file.path().display();
        let expected = [
            format!("{path}: `http.max_body_byte` is not a setting; did you mean `http.max_body_bytes`?"),
            format!("{path}: `limit` is not a setting; did you mean `limits`?"),
            format!("{path}: `log_format` is not a setting; did you mean `log.format`?"),
            format!(
                "{path}: `operations.url_file` is not a setting: remove it, or see docs/configuration.md for the names of \
                 all settings"
            ),
            "the environment variable `TOOLGATE_HTTP_MAX_BODY_BYTE` is not a setting of toolgate; did you mean \
             `TOOLGATE_HTTP_MAX_BODY_BYTES`?"
                .to_owned(),
            "the environment variable `TOOLGATE_LOGFORMAT` is not a setting of toolgate; did you mean \
             `TOOLGATE_LOG_FORMAT`?"
                .to_owned(),
            "the environment variable `TOOLGATE_XYZ` is not a setting of toolgate: remove it, or see \
             docs/configuration.md for the names of all settings"
                .to_owned(),
        ];
        assert_eq!(errors, expected);
    }

    #[test]
    fn every_value_of_another_type_is_reported_with_its_origin_and_what_is_expected() {
        let file = file(
            "http = { allowed_hosts = \"a,b\", max_connections = \"many\" }\nlimits = 3\n[operations]\ntimeout = 5\n\
             request_state_key = 12345678\n",
        );
        let variables = [
            ("TOOLGATE_HTTP_MAX_BODY_BYTES", "4MiB"),
            ("TOOLGATE_HTTP_MAX_MESSAGE_BYTES", "-1"),
            ("METRICS_ADDR", "localhost"),
            ("TOOLGATE_TOKEN_CACHE_TTL", "soon"),
            ("TOOLGATE_LOG_FORMAT", "xml"),
            ("TOOLGATE_AUDIT_DAILY", "yes\u{1b}[2J"),
        ];
        let errors = load(&Config::default(), Some(file.path()), &variables).unwrap_err();
        let path = file.path().display();
        let mut expected = [
            format!("`limits` in {path} must be a table: write `[limits]` and the settings below it"),
            format!("`http.allowed_hosts` in {path} must be a list of texts such as [\"a\", \"b\"], got `a,b`"),
            format!("`http.max_connections` in {path} must be a number such as 64, without a sign, got `many`"),
            format!("`operations.timeout` in {path} must be a duration such as 30s or 5m, or none, got `5`"),
            format!("`operations.request_state_key` in {path} must be a text"),
            "TOOLGATE_HTTP_MAX_BODY_BYTES must be a number of bytes such as 65536, without a unit, got `4MiB`"
                .to_owned(),
            "TOOLGATE_HTTP_MAX_MESSAGE_BYTES must be a number of bytes such as 65536, without a unit, got `-1`"
                .to_owned(),
            "METRICS_ADDR must be an address and a port, such as 127.0.0.1:8000, localhost:8000, or :8000 for all \
             interfaces, got `localhost`"
                .to_owned(),
            "TOOLGATE_TOKEN_CACHE_TTL must be a duration such as 30s or 5m, got `soon`".to_owned(),
            "TOOLGATE_LOG_FORMAT must be one of human, json, got `xml`".to_owned(),
            "TOOLGATE_AUDIT_DAILY must be true or false, got `yes\\u{1b}[2J`".to_owned(),
        ];
        expected.sort_unstable();
        let mut errors = errors;
        errors.sort_unstable();
        assert_eq!(errors, expected);
    }

    #[test]
    fn secrets_are_read_from_files_and_are_shown_nowhere() {
        let secret = file(&format!("{KEY}\n"));
        let path = secret.path().to_str().unwrap();
        let toml = file(&format!("[operations]\nrequest_state_key_file = '{path}'\n"));
        let mut code = Config::default();
        code.replication.url = Some("redis://:hunter2@redis".into());
        let variables = [("TOOLGATE_REPLICATION_SHARED_CACHE_SECRET_FILE", path)];
        let settings = load(&code, Some(toml.path()), &variables).unwrap();
        let config = settings.config();
        let exposed = |secret: &Option<secrecy::SecretString>| secret.as_ref().unwrap().expose_secret().to_owned();
        assert_eq!(exposed(&config.operations.request_state_key), KEY);
        assert_eq!(exposed(&config.replication.shared_cache_secret), KEY);
        assert_eq!(exposed(&config.replication.url), "redis://:hunter2@redis");
        assert_eq!(source(&settings, "replication.url"), "code");
        assert_eq!(
            source(&settings, "replication.shared_cache_secret"),
            "TOOLGATE_REPLICATION_SHARED_CACHE_SECRET_FILE"
        );
        let json = serde_json::to_string(config).unwrap();
        let text = format!("{settings} {settings:?} {json}");
        assert!(text.contains("(secret)") && !text.contains("hunter2"), "{text}");
        let both = file(&format!("[operations]\nrequest_state_key = '{KEY}'\nrequest_state_key_file = '{path}'\n"));
        let variables = [
            ("TOOLGATE_REPLICATION_URL", "hunter2"),
            ("TOOLGATE_REPLICATION_URL_FILE", path),
            ("TOOLGATE_OPERATIONS_REQUEST_STATE_KEY_FILE", "/missing/key"),
        ];
        let errors = load(&Config::default(), Some(both.path()), &variables).unwrap_err();
        assert_eq!(errors.len(), 3, "{errors:?}");
        assert!(
            errors[0]
                .starts_with("`operations.request_state_key` and `operations.request_state_key_file` are both set")
        );
        assert!(
            errors[1].starts_with("`TOOLGATE_OPERATIONS_REQUEST_STATE_KEY_FILE` names /missing/key, which"),
            "{errors:?}"
        );
        assert!(
            errors[2].starts_with("`TOOLGATE_REPLICATION_URL` and `TOOLGATE_REPLICATION_URL_FILE` are"),
            "{errors:?}"
        );
    }

    #[test]
    fn an_error_of_the_file_names_it_and_its_line_without_the_text() {
        let broken = file("[operations]\nrequest_state_key = \"hunter2\n");
        let errors = load(&Config::default(), Some(broken.path()), &[]).unwrap_err();
        assert_eq!(errors.len(), 1);
        assert!(errors[0].starts_with(&format!("{}:2: ", broken.path().display())), "{errors:?}");
        assert!(!errors[0].contains("hunter2"), "{errors:?}");
        let errors = load(&Config::default(), Some(Path::new("/missing.toml")), &[]).unwrap_err();
        let expected = "cannot read the configuration file /missing.toml (--config): No such file";
        assert!(errors.len() == 1 && errors[0].starts_with(expected), "{errors:?}");
        let variables = [("TOOLGATE_CONFIG", "/other.toml")];
        let errors = load(&Config::default(), None, &variables).unwrap_err();
        assert!(errors[0].contains("/other.toml (TOOLGATE_CONFIG)"), "{errors:?}");
    }
}
