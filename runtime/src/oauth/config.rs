//! Settings of the validators for any authorization server.

use std::{env, ffi::OsString, fmt};

use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

use super::issuer::UrlError;
use crate::{
    auth::SetupError,
    settings::{SecretError, read_secret_variable, read_text_variable},
};

/// Environment variable with a setting of an authorization server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Variable {
    /// `OAUTH_ISSUER`: issuer identifier of the authorization server.
    Issuer,
    /// `OAUTH_CLIENT_ID`: client with which this server introspects tokens.
    ClientId,
    /// `OAUTH_CLIENT_SECRET`: secret of that client.
    ClientSecret,
}

impl Variable {
    /// Returns the name of the environment variable.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Issuer => "OAUTH_ISSUER",
            Self::ClientId => "OAUTH_CLIENT_ID",
            Self::ClientSecret => "OAUTH_CLIENT_SECRET",
        }
    }

    /// Returns what the value is, and where to find it.
    pub const fn description(self) -> &'static str {
        match self {
            Self::Issuer => "the `issuer` in the metadata of the authorization server",
            Self::ClientId => "the ID of a confidential client that may introspect tokens",
            Self::ClientSecret => "the secret of that client",
        }
    }
}

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Reason why the settings of a validator of this module are invalid. The text names the variable, says what to do, and
/// holds no secret. `Debug` prints the same text as `Display`.
#[derive(Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Variables are missing or empty. The value has all of them.
    #[error("the authorization server is not configured: set {}", VariableList(.0))]
    Missing(Vec<Variable>),
    /// A value has control characters or is not UTF-8.
    #[error("{} has invalid characters: set it to {}", .0.name(), .0.description())]
    InvalidCharacters(Variable),
    /// A secret cannot be read from its file.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The issuer is invalid.
    #[error("the issuer (OAUTH_ISSUER) {0}")]
    Issuer(UrlError),
    /// The URL of an endpoint is invalid. The text names the endpoint.
    #[error("the URL of {0} {1}")]
    Endpoint(&'static str, UrlError),
    /// The list of accepted signing algorithms is empty.
    #[error("the list of signing algorithms is empty: no token could be valid")]
    NoAlgorithm,
    /// The HTTP client could not be created, usually because the operating system has no CA certificates.
    #[error("cannot create the HTTP client for the authorization server: {0}")]
    HttpClient(String),
}

impl ConfigError {
    /// Returns whether no variable of the authorization server is set, so that the settings are absent and not incomplete.
    #[cfg(feature = "cli")]
    pub(crate) fn is_unconfigured(&self) -> bool {
        let names = [Variable::Issuer, Variable::ClientId, Variable::ClientSecret].map(Variable::name);
        let is_set = |(name, value): (OsString, OsString)| {
            names.iter().any(|own| name.to_string_lossy().starts_with(own))
                && !value.to_string_lossy().trim().is_empty()
        };
        matches!(self, Self::Missing(_)) && !env::vars_os().any(is_set)
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
            write!(f, "{variable} ({})", variable.description())?;
        }
        Ok(())
    }
}

/// Values of variables, which are empty if a variable is not set.
pub(super) struct Values {
    pub(super) issuer: String,
    pub(super) client_id: String,
    pub(super) client_secret: SecretString,
}

impl Values {
    pub(super) fn from_env() -> Result<Self, ConfigError> {
        Self::from_lookup(|name| env::var_os(name))
    }

    fn from_lookup(lookup: impl Fn(&str) -> Option<OsString>) -> Result<Self, ConfigError> {
        let read = |variable: Variable| {
            read_text_variable(variable.name(), &lookup).map_err(|_| ConfigError::InvalidCharacters(variable))
        };
        let client_secret = read_secret_variable(Variable::ClientSecret.name(), &lookup)?;
        Ok(Self { issuer: read(Variable::Issuer)?, client_id: read(Variable::ClientId)?, client_secret })
    }

    /// Checks that the values of these variables are set and valid.
    pub(super) fn require(&self, variables: &[Variable]) -> Result<(), ConfigError> {
        let value = |variable: Variable| match variable {
            Variable::Issuer => self.issuer.as_str(),
            Variable::ClientId => self.client_id.as_str(),
            Variable::ClientSecret => self.client_secret.expose_secret(),
        };
        let missing: Vec<_> =
            variables.iter().copied().filter(|variable| value(*variable).trim().is_empty()).collect();
        if !missing.is_empty() {
            return Err(ConfigError::Missing(missing));
        }
        match variables.iter().find(|variable| value(**variable).trim().chars().any(char::is_control)) {
            Some(variable) => Err(ConfigError::InvalidCharacters(*variable)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Variable; 3] = [Variable::Issuer, Variable::ClientId, Variable::ClientSecret];

    fn read(values: &[(&str, &str)]) -> Result<Values, ConfigError> {
        Values::from_lookup(|name| {
            values.iter().find(|(other, _)| *other == name).map(|(_, value)| OsString::from(*value))
        })
    }

    #[test]
    fn an_error_names_every_missing_variable_and_what_it_is() {
        let values = read(&[("OAUTH_CLIENT_ID", "mcp"), ("OAUTH_CLIENT_SECRET", " ")]).unwrap();
        assert_eq!(
            values.require(&ALL).unwrap_err().to_string(),
            "the authorization server is not configured: set OAUTH_ISSUER (the `issuer` in the metadata of the \
             authorization server), OAUTH_CLIENT_SECRET (the secret of that client)"
        );
    }

    #[test]
    fn the_client_secret_can_be_in_a_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "hunter2\n").unwrap();
        let path = file.path().to_str().unwrap();
        let values = read(&[("OAUTH_CLIENT_SECRET_FILE", path)]).unwrap();
        assert_eq!(values.client_secret.expose_secret(), "hunter2");
        let both = read(&[("OAUTH_CLIENT_SECRET_FILE", path), ("OAUTH_CLIENT_SECRET", "hunter2")]);
        let error = both.err().unwrap().to_string();
        assert!(error.contains("are both set") && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn invalid_characters_are_an_error_that_does_not_repeat_the_value() {
        for values in [[("OAUTH_CLIENT_ID", "a\nhunter2")], [("OAUTH_CLIENT_SECRET", "hunter2\0a")]] {
            let mut all = vec![("OAUTH_ISSUER", "https://auth.example.com"), values[0]];
            all.extend([("OAUTH_CLIENT_ID", "id"), ("OAUTH_CLIENT_SECRET", "secret")]);
            let error = read(&all).unwrap().require(&ALL).unwrap_err();
            assert!(matches!(error, ConfigError::InvalidCharacters(_)), "{error}");
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
    }
}
