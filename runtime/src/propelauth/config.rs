//! Settings of PropelAuth and their validation.

use std::{env, ffi::OsString, fmt};

use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

use super::auth_url::{AuthUrl, AuthUrlError};
use crate::{
    auth::SetupError,
    oauth::credentials::{ClientAuthentication, Credentials},
    settings::{SecretError, read_secret_variable, read_text_variable},
};

/// Environment variable with a setting of PropelAuth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Variable {
    /// `PROPELAUTH_AUTH_URL`
    AuthUrl,
    /// `PROPELAUTH_INTROSPECTION_CLIENT_ID`
    ClientId,
    /// `PROPELAUTH_INTROSPECTION_CLIENT_SECRET`
    ClientSecret,
    /// `PROPELAUTH_API_KEY`
    ApiKey,
}

impl Variable {
    /// Variables of [`PropelAuth`](super::PropelAuth) that must be set.
    pub const REQUIRED: [Self; 3] = [Self::AuthUrl, Self::ClientId, Self::ClientSecret];

    /// Variables of [`PropelAuthApiKeys`](super::PropelAuthApiKeys) that must be set.
    pub const REQUIRED_FOR_API_KEYS: [Self; 2] = [Self::AuthUrl, Self::ApiKey];

    /// Returns the name of the environment variable.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AuthUrl => "PROPELAUTH_AUTH_URL",
            Self::ClientId => "PROPELAUTH_INTROSPECTION_CLIENT_ID",
            Self::ClientSecret => "PROPELAUTH_INTROSPECTION_CLIENT_SECRET",
            Self::ApiKey => "PROPELAUTH_API_KEY",
        }
    }

    /// Returns the place in PropelAuth's dashboard that shows the value.
    pub const fn dashboard_path(self) -> &'static str {
        match self {
            Self::AuthUrl => "Backend Integration -> Auth URL",
            Self::ClientId => "MCP -> Request Validation -> Create Credentials, client ID",
            Self::ClientSecret => "MCP -> Request Validation -> Create Credentials, client secret",
            Self::ApiKey => "Backend Integration -> Create New API Key",
        }
    }
}

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Reason why the settings of [`PropelAuth`](super::PropelAuth) or
/// [`PropelAuthApiKeys`](super::PropelAuthApiKeys) are invalid. The text names the variable, says what
/// to do, and holds no secret. `Debug` prints the same text as `Display`.
#[derive(Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Variables are missing or empty. The value has all of them.
    #[error("PropelAuth is not configured: set {}, with the values from PropelAuth's dashboard", VariableList(.0))]
    Missing(Vec<Variable>),
    /// A value has control characters or is not UTF-8, or the client ID has a colon, which HTTP Basic does not allow
    /// (RFC 7617, section 2).
    #[error("{} has invalid characters: copy it again from {}", .0.name(), .0.dashboard_path())]
    InvalidCharacters(Variable),
    /// A secret cannot be read from its file.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// A webhook secret is not a signing secret.
    #[error(
        "PROPELAUTH_WEBHOOK_SECRET must be the signing secret of a webhook, `whsec_` followed by base64: copy it \
         again from the page of the webhook in PropelAuth's dashboard"
    )]
    WebhookSecret,
    /// The Auth URL is invalid.
    #[error("PROPELAUTH_AUTH_URL {0}")]
    AuthUrl(#[from] AuthUrlError),
    /// The HTTP client could not be created, usually because the operating system has no CA certificates.
    #[error("cannot create the HTTP client for PropelAuth: {0}")]
    HttpClient(String),
}

impl ConfigError {
    /// Returns whether no variable of PropelAuth is set, so that the settings are absent and not incomplete.
    #[cfg(feature = "cli")]
    pub(crate) fn is_unconfigured(&self) -> bool {
        let is_set = |(name, value): (OsString, OsString)| {
            name.to_string_lossy().starts_with("PROPELAUTH_") && !value.to_string_lossy().trim().is_empty()
        };
        matches!(self, Self::Missing(missing) if missing.len() == Variable::REQUIRED.len())
            && !env::vars_os().any(is_set)
    }
}

impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl SetupError for ConfigError {}

struct VariableList<'a>(&'a [Variable]);

impl fmt::Display for VariableList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, variable) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{variable} ({})", variable.dashboard_path())?;
        }
        Ok(())
    }
}

/// Environment variable with the signing secrets of webhooks.
const WEBHOOK_SECRET: &str = "PROPELAUTH_WEBHOOK_SECRET";

/// Reads the signing secrets of webhooks, which are separated by commas or white space.
pub(super) fn webhook_secrets_from_env() -> Result<Vec<SecretString>, ConfigError> {
    let secrets = read_secret_variable(WEBHOOK_SECRET, |name| env::var_os(name))?;
    Ok(split_secrets(secrets.expose_secret()))
}

fn split_secrets(value: &str) -> Vec<SecretString> {
    let is_separator = |c: char| c == ',' || c.is_whitespace();
    value.split(is_separator).filter(|secret| !secret.is_empty()).map(SecretString::from).collect()
}

/// Valid settings.
pub(super) struct Config {
    pub(super) auth_url: AuthUrl,
    pub(super) credentials: Credentials,
}

impl Config {
    pub(super) fn from_env() -> Result<Self, ConfigError> {
        Self::from_lookup(|name| env::var_os(name))
    }

    fn from_lookup(lookup: impl Fn(&str) -> Option<OsString>) -> Result<Self, ConfigError> {
        let [auth_url, client_id, client_secret] = Variable::REQUIRED;
        Self::new(
            &read_text(auth_url, &lookup)?,
            read_text(client_id, &lookup)?,
            read_secret(client_secret, &lookup)?,
        )
    }

    pub(super) fn new(auth_url: &str, client_id: String, client_secret: SecretString) -> Result<Self, ConfigError> {
        let [url, id, secret] = Variable::REQUIRED;
        require_values(&[(url, auth_url), (id, &client_id), (secret, client_secret.expose_secret())])?;
        if client_id.contains(':') {
            return Err(ConfigError::InvalidCharacters(Variable::ClientId));
        }
        // PropelAuth's credentials have only letters and digits, which form encoding does not change. `curl -u`,
        // `FastMCP` and PropelAuth's guides send them without it.
        let authentication = ClientAuthentication::UnencodedBasic;
        let credentials = Credentials { client_id, client_secret, authentication };
        Ok(Self { auth_url: AuthUrl::parse(auth_url)?, credentials })
    }
}

/// Reads a text from its variable.
pub(super) fn read_text(
    variable: Variable,
    lookup: impl Fn(&str) -> Option<OsString>,
) -> Result<String, ConfigError> {
    read_text_variable(variable.name(), lookup).map_err(|_| ConfigError::InvalidCharacters(variable))
}

/// Reads a secret from its variable, or from the file that the variable with `_FILE` at its end names.
pub(super) fn read_secret(
    variable: Variable,
    lookup: impl Fn(&str) -> Option<OsString>,
) -> Result<SecretString, ConfigError> {
    read_secret_variable(variable.name(), lookup).map_err(|error| match error {
        SecretError::NotText { .. } => ConfigError::InvalidCharacters(variable),
        error => error.into(),
    })
}

/// Rejects missing values, all of them in one error, and values with control characters. The Auth URL is validated by
/// [`AuthUrl`].
pub(super) fn require_values(values: &[(Variable, &str)]) -> Result<(), ConfigError> {
    let missing: Vec<_> =
        values.iter().filter(|(_, value)| value.trim().is_empty()).map(|(variable, _)| *variable).collect();
    if !missing.is_empty() {
        return Err(ConfigError::Missing(missing));
    }
    let has_invalid_characters =
        |(variable, value): &&(Variable, &str)| *variable != Variable::AuthUrl && value.chars().any(char::is_control);
    match values.iter().find(has_invalid_characters) {
        Some((variable, _)) => Err(ConfigError::InvalidCharacters(*variable)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: [Option<&str>; 3]) -> Result<Config, ConfigError> {
        Config::from_lookup(|name| {
            let position = Variable::REQUIRED.iter().position(|variable| variable.name() == name)?;
            values[position].map(OsString::from)
        })
    }

    fn error(values: [Option<&str>; 3]) -> ConfigError {
        read(values).err().unwrap()
    }

    #[test]
    fn reads_any_number_of_webhook_secrets() {
        for value in ["a", " a\n", "a,", ", a"] {
            assert_eq!(split_secrets(value).len(), 1, "{value:?}");
        }
        for value in ["a,b", "a b", "a, b,", "a\nb"] {
            assert_eq!(split_secrets(value).len(), 2, "{value:?}");
        }
        for value in ["", " ", ","] {
            assert!(split_secrets(value).is_empty(), "{value:?}");
        }
    }

    #[test]
    fn an_invalid_webhook_secret_is_an_error_that_does_not_repeat_it() {
        for value in ["hunter2", "whsec_hunter2", "whsec_\u{fffd}"] {
            let auth = crate::PropelAuth::new("http://127.0.0.1:1", "client", "secret").unwrap();
            let error = auth.webhook_secret(value).unwrap_err();
            assert!(matches!(error, ConfigError::WebhookSecret));
            let text = error.to_string();
            assert!(text.starts_with("PROPELAUTH_WEBHOOK_SECRET must") && !text.contains("hunter2"), "{text}");
        }
    }

    const URL: Option<&str> = Some("https://auth.example.com");

    #[test]
    fn names_all_missing_variables_with_their_place_in_the_dashboard() {
        assert_eq!(
            error([None, Some(""), Some(" \n")]).to_string(),
            "PropelAuth is not configured: set PROPELAUTH_AUTH_URL (Backend Integration -> Auth URL), \
             PROPELAUTH_INTROSPECTION_CLIENT_ID (MCP -> Request Validation -> Create Credentials, client ID), \
             PROPELAUTH_INTROSPECTION_CLIENT_SECRET (MCP -> Request Validation -> Create Credentials, client \
             secret), with the values from PropelAuth's dashboard"
        );
    }

    #[test]
    fn the_client_secret_can_be_in_a_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "hunter2\n").unwrap();
        let with_file = |path: &str, secret: Option<&str>| {
            Config::from_lookup(|name| match name {
                "PROPELAUTH_AUTH_URL" => URL.map(OsString::from),
                "PROPELAUTH_INTROSPECTION_CLIENT_ID" => Some("id".into()),
                "PROPELAUTH_INTROSPECTION_CLIENT_SECRET" => secret.map(OsString::from),
                "PROPELAUTH_INTROSPECTION_CLIENT_SECRET_FILE" => Some(path.into()),
                _ => None,
            })
        };
        let path = file.path().to_str().unwrap();
        let config = with_file(path, None).ok().unwrap();
        assert_eq!(config.credentials.client_secret.expose_secret(), "hunter2");
        let error = with_file(path, Some("hunter2")).err().unwrap().to_string();
        assert!(error.ends_with("are both set: unset one of them") && !error.contains("hunter2"), "{error}");
        let error = with_file("/missing", None).err().unwrap().to_string();
        assert!(error.starts_with("`PROPELAUTH_INTROSPECTION_CLIENT_SECRET_FILE` names /missing, which"), "{error}");
    }

    #[test]
    fn names_only_the_missing_variables() {
        let ConfigError::Missing(missing) = error([URL, None, Some("secret")]) else {
            panic!("not the error for a missing variable");
        };
        assert_eq!(missing, [Variable::ClientId]);
    }

    #[test]
    fn ignores_white_space_around_a_value() {
        let config = read([Some(" https://auth.example.com/\n"), Some("id\r\n"), Some("\tsecret ")]).ok().unwrap();
        assert_eq!(config.auth_url.as_str(), "https://auth.example.com");
        assert_eq!(config.credentials.client_id, "id");
        assert_eq!(config.credentials.client_secret.expose_secret(), "secret");
    }

    #[test]
    fn rejects_invalid_characters_without_repeating_them() {
        for (client_id, client_secret) in [("id:hunter2", "secret"), ("id\nhunter2", "secret"), ("id", "hunter2\0a")]
        {
            let error = error([URL, Some(client_id), Some(client_secret)]);
            assert!(matches!(error, ConfigError::InvalidCharacters(_)), "{error}");
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn an_error_about_the_auth_url_names_the_variable() {
        let message = error([Some("http://auth.example.com"), Some("id"), Some("secret")]).to_string();
        assert_eq!(
            message,
            "PROPELAUTH_AUTH_URL must be https:// on a host that is not loopback, because plain http sends tokens \
             unencrypted: set it to https://auth.example.com"
        );
    }
}
