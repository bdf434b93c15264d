//! Errors of settings.

use std::path::PathBuf;

use thiserror::Error;

/// Reason why a secret cannot be read. The text holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The secret and a file with it are both given.
    #[error("`{variable}` and `{file_variable}` are both set: unset one of them")]
    SetTwice {
        /// Variable, or key of the configuration file, with the secret.
        variable: String,
        /// Variable, or key of the configuration file, with the path of a file.
        file_variable: String,
    },
    /// The file with the secret cannot be read.
    #[error("`{origin}` names {}, which cannot be used: {problem}", .path.display())]
    Unreadable {
        /// Variable, or key of the configuration file, with the path.
        origin: String,
        /// The path.
        path: PathBuf,
        /// What is wrong with the file.
        problem: String,
    },
    /// The secret is not UTF-8.
    #[error("`{origin}` is not UTF-8 text")]
    NotText {
        /// The variable.
        origin: String,
    },
}

/// Reason why the settings cannot be read. The text names the variable or the key, says what to write, and holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A variable begins with `TOOLGATE_` and is not one of a setting.
    #[error("the environment variable `{name}` is not a setting of toolgate{}", did_you_mean(.nearest.as_deref()))]
    UnknownVariable {
        /// Name of the variable.
        name: String,
        /// The variable with the most similar name.
        nearest: Option<String>,
    },
    /// The configuration file has a key that is not one of a setting.
    #[error("{}: `{key}` is not a setting{}", .file.display(), did_you_mean(.nearest.as_deref()))]
    UnknownKey {
        /// The configuration file.
        file: PathBuf,
        /// The key.
        key: String,
        /// The most similar key.
        nearest: Option<String>,
    },
    /// A value has the wrong type.
    #[error("{origin} must be {expected}{}", got(.value.as_deref()))]
    InvalidValue {
        /// The variable or the option, or the key and the configuration file.
        origin: String,
        /// What the value must be.
        expected: String,
        /// The value, unless it is a secret.
        value: Option<String>,
    },
    /// A secret cannot be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The configuration file cannot be read.
    #[error("cannot read the configuration file {} ({origin}): {problem}", .path.display())]
    ReadFile {
        /// The path.
        path: PathBuf,
        /// What names the file: `--config`, `TOOLGATE_CONFIG`, or `Server::config_file`.
        origin: &'static str,
        /// The error of the operating system.
        problem: String,
    },
    /// A configuration file is named, and the program cannot read one.
    #[error(
        "{origin} names the configuration file {}, which this program cannot read, because it was built without the feature \
         `config-file` of toolgate: enable it", .path.display()
    )]
    ConfigFileFeature {
        /// The path.
        path: PathBuf,
        /// What names the file, as in [`ReadFile`](Self::ReadFile).
        origin: &'static str,
    },
    /// The configuration file is not TOML.
    #[error("{}:{line}: {problem}", .path.display())]
    Syntax {
        /// The path.
        path: PathBuf,
        /// Number of the line.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
}

fn did_you_mean(nearest: Option<&str>) -> String {
    match nearest {
        Some(nearest) => format!("; did you mean `{nearest}`?"),
        None => ": remove it, or see docs/configuration.md for the names of all settings".to_owned(),
    }
}

fn got(value: Option<&str>) -> String {
    value.map(|value| format!(", got `{value}`")).unwrap_or_default()
}
