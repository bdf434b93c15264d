//! The environment of the process.

use std::{collections::BTreeMap, env, ffi::OsString, path::PathBuf};

use super::setting::{PREFIX, SETTINGS};

/// Environment variable with the path of the configuration file.
pub(crate) const CONFIG_FILE: &str = "TOOLGATE_CONFIG";

/// Environment variable with the token of the command `check`, which is not a setting.
pub(crate) const CHECK_TOKEN: &str = "TOOLGATE_CHECK_TOKEN";

/// Environment variables that can have settings, as they were when the process was asked. Blank variables are not set.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment(BTreeMap<String, OsString>);

impl Environment {
    /// Reads the environment of the process.
    pub(crate) fn of_process() -> Self {
        Self::new(env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value))))
    }

    /// Creates an environment from variables.
    pub(crate) fn new(variables: impl IntoIterator<Item = (String, OsString)>) -> Self {
        let is_relevant =
            |name: &str| name.starts_with(PREFIX) || SETTINGS.iter().any(|setting| setting.aliases.contains(&name));
        let is_set = |value: &OsString| !value.to_string_lossy().trim().is_empty();
        Self(variables.into_iter().filter(|(name, value)| is_relevant(name) && is_set(value)).collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&OsString> {
        self.0.get(name)
    }

    pub(super) fn config_file(&self) -> Option<PathBuf> {
        self.get(CONFIG_FILE).map(PathBuf::from)
    }

    /// Returns the names that begin with `TOOLGATE_`.
    pub(super) fn own_names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str).filter(|name| name.starts_with(PREFIX))
    }
}
