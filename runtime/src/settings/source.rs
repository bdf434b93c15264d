//! Where the value of a setting is from.

use std::{fmt, path::PathBuf};

/// Where the value of a setting is from, from the weakest to the strongest.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// The setting has its default.
    Default,
    /// The program sets it.
    Code,
    /// The configuration file sets it.
    File(PathBuf),
    /// An environment variable with this name sets it.
    Variable(String),
    /// An option of the command line, such as `--bind`, sets it.
    Option(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Code => f.write_str("code"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Variable(name) | Self::Option(name) => f.write_str(name),
        }
    }
}

/// A setting, its value, and where the value is from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SettingValue {
    /// Key of the setting in the configuration file, such as `http.bind`.
    pub key: &'static str,
    /// Environment variables that set it, from the strongest to the weakest, such as `TOOLGATE_HTTP_BIND` and `BIND_ADDR`.
    pub variables: Vec<String>,
    /// Value as in the configuration file; `(secret)` for a secret, and `(none)` if it has none.
    pub value: String,
    /// Where the value is from.
    pub source: Source,
}
