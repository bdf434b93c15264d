//! Where the settings come from, and what is wrong with them.

use std::{env, ffi::OsString, fmt};

use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

use super::auth_url::{AuthUrl, AuthUrlError};
use crate::auth::SetupError;

/// A setting of PropelAuth: the environment variable that holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Variable {
    /// `PROPELAUTH_AUTH_URL`
    AuthUrl,
    /// `PROPELAUTH_INTROSPECTION_CLIENT_ID`
    ClientId,
    /// `PROPELAUTH_INTROSPECTION_CLIENT_SECRET`
    ClientSecret,
}

impl Variable {
    /// Every one of them.
    pub const ALL: [Self; 3] = [Self::AuthUrl, Self::ClientId, Self::ClientSecret];

    /// The name of the environment variable.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AuthUrl => "PROPELAUTH_AUTH_URL",
            Self::ClientId => "PROPELAUTH_INTROSPECTION_CLIENT_ID",
            Self::ClientSecret => "PROPELAUTH_INTROSPECTION_CLIENT_SECRET",
        }
    }

    /// Where PropelAuth's dashboard shows the value.
    pub const fn in_dashboard(self) -> &'static str {
        match self {
            Self::AuthUrl => "Backend Integration -> Auth URL",
            Self::ClientId => "MCP -> Request Validation -> Create Credentials, client ID",
            Self::ClientSecret => "MCP -> Request Validation -> Create Credentials, client secret",
        }
    }
}

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why there is no [`PropelAuth`](super::PropelAuth). Each text names the variable and says what to do; none holds a
/// secret.
#[derive(Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Settings that are not there, or empty: all of them.
    #[error("PropelAuth is not configured: set {}; PropelAuth's dashboard has the values", Listed(.0))]
    Missing(Vec<Variable>),
    /// A value with control characters or that is not UTF-8, as when a file was pasted with its line ends; or a client
    /// ID with a colon, which HTTP Basic cannot carry (RFC 7617, section 2).
    #[error("{} has characters that no such value has: copy it again from {}", .0.name(), .0.in_dashboard())]
    Illegal(Variable),
    /// A webhook secret that is not a signing secret.
    #[error(
        "PROPELAUTH_WEBHOOK_SECRET must be the signing secret of a webhook, `whsec_` and base64: copy it again from the \
         webhook's page in PropelAuth's dashboard"
    )]
    WebhookSecret,
    /// An Auth URL that cannot be used.
    #[error("PROPELAUTH_AUTH_URL {0}")]
    AuthUrl(#[from] AuthUrlError),
    /// The HTTP client could not be set up, for want of certificates as a rule.
    #[error("PropelAuth cannot be asked: {0}")]
    Https(String),
}

impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl SetupError for ConfigError {}

struct Listed<'a>(&'a [Variable]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, variable) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{variable} ({})", variable.in_dashboard())?;
        }
        Ok(())
    }
}

/// Environment variable with the signing secrets of webhooks.
const WEBHOOK_SECRET: &str = "PROPELAUTH_WEBHOOK_SECRET";

/// Reads the signing secrets of webhooks, which are separated by commas or white space.
pub(super) fn webhook_secrets_from_env() -> Vec<SecretString> {
    // A value that is not UTF-8 must be reported as an invalid secret, so it is not treated as missing.
    let value = env::var_os(WEBHOOK_SECRET).unwrap_or_default();
    split_secrets(&value.to_string_lossy())
}

fn split_secrets(value: &str) -> Vec<SecretString> {
    let is_separator = |c: char| c == ',' || c.is_whitespace();
    value.split(is_separator).filter(|secret| !secret.is_empty()).map(SecretString::from).collect()
}

/// Settings that were checked.
pub(super) struct Config {
    pub(super) auth_url: AuthUrl,
    pub(super) credentials: Credentials,
}

/// What this server shows PropelAuth when it asks about a token.
pub(super) struct Credentials {
    pub(super) client_id: String,
    pub(super) client_secret: SecretString,
}

impl Config {
    pub(super) fn from_env() -> Result<Self, ConfigError> {
        Self::from_lookup(|variable| env::var_os(variable.name()))
    }

    /// White space around a value is not part of it: files and shells leave line ends behind.
    fn from_lookup(lookup: impl Fn(Variable) -> Option<OsString>) -> Result<Self, ConfigError> {
        let read = |variable| match lookup(variable).map(OsString::into_string) {
            None => Ok(String::new()),
            Some(Ok(value)) => Ok(value.trim().to_owned()),
            Some(Err(_)) => Err(ConfigError::Illegal(variable)),
        };
        let [auth_url, client_id, client_secret] = Variable::ALL;
        Self::new(&read(auth_url)?, read(client_id)?, read(client_secret)?.into())
    }

    pub(super) fn new(auth_url: &str, client_id: String, client_secret: SecretString) -> Result<Self, ConfigError> {
        let values = [auth_url, client_id.as_str(), client_secret.expose_secret()];
        let given = || Variable::ALL.into_iter().zip(values);
        let missing: Vec<_> =
            given().filter(|(_, value)| value.trim().is_empty()).map(|(variable, _)| variable).collect();
        if !missing.is_empty() {
            return Err(ConfigError::Missing(missing));
        }
        if let Some((variable, _)) = given().skip(1).find(|(_, value)| value.chars().any(char::is_control)) {
            return Err(ConfigError::Illegal(variable));
        }
        if client_id.contains(':') {
            return Err(ConfigError::Illegal(Variable::ClientId));
        }
        Ok(Self { auth_url: AuthUrl::parse(auth_url)?, credentials: Credentials { client_id, client_secret } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: [Option<&str>; 3]) -> Result<Config, ConfigError> {
        Config::from_lookup(|variable| {
            let position = Variable::ALL.iter().position(|&other| other == variable)?;
            values[position].map(OsString::from)
        })
    }

    fn refusal(values: [Option<&str>; 3]) -> ConfigError {
        read(values).err().unwrap()
    }

    #[test]
    fn the_variable_holds_any_number_of_webhook_secrets() {
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
    fn all_missing_variables_are_named_at_once_with_their_place_in_the_dashboard() {
        assert_eq!(
            refusal([None, Some(""), Some(" \n")]).to_string(),
            "PropelAuth is not configured: set PROPELAUTH_AUTH_URL (Backend Integration -> Auth URL), \
             PROPELAUTH_INTROSPECTION_CLIENT_ID (MCP -> Request Validation -> Create Credentials, client ID), \
             PROPELAUTH_INTROSPECTION_CLIENT_SECRET (MCP -> Request Validation -> Create Credentials, client secret); \
             PropelAuth's dashboard has the values"
        );
    }

    #[test]
    fn only_what_is_missing_is_named() {
        let ConfigError::Missing(missing) = refusal([URL, None, Some("secret")]) else {
            panic!("not the error for a missing variable");
        };
        assert_eq!(missing, [Variable::ClientId]);
    }

    #[test]
    fn white_space_around_a_value_is_not_part_of_it() {
        let config = read([Some(" https://auth.example.com/\n"), Some("id\r\n"), Some("\tsecret ")]).ok().unwrap();
        assert_eq!(config.auth_url.as_str(), "https://auth.example.com");
        assert_eq!(config.credentials.client_id, "id");
        assert_eq!(config.credentials.client_secret.expose_secret(), "secret");
    }

    #[test]
    fn what_a_header_cannot_carry_is_refused_without_repeating_it() {
        for (client_id, client_secret) in [("id:hunter2", "secret"), ("id\nhunter2", "secret"), ("id", "hunter2\0a")]
        {
            let error = refusal([URL, Some(client_id), Some(client_secret)]);
            assert!(matches!(error, ConfigError::Illegal(_)), "{error}");
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn an_error_about_the_auth_url_names_the_variable() {
        let message = refusal([Some("http://auth.example.com"), Some("id"), Some("secret")]).to_string();
        assert_eq!(
            message,
            "PROPELAUTH_AUTH_URL is plain http: write https://auth.example.com (plain http is only for 127.0.0.1, \
             [::1] and localhost)"
        );
    }
}
