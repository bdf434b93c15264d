//! `config`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::{
    App, Error,
    app::{Status, json, print},
};
use crate::{
    BuildError,
    config::{SettingValue, Settings, Source, table},
};

/// Options of `config`.
#[derive(Args, Clone, Debug)]
#[non_exhaustive]
#[allow(clippy::doc_markdown, reason = "clap prints the documentation of the fields")]
pub struct ConfigOptions {
    /// A TOML file with settings [env: TOOLGATE_CONFIG]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Print the settings that have their defaults, too
    #[arg(long)]
    pub all: bool,

    /// The format
    #[arg(long, value_enum, default_value_t)]
    pub format: ConfigFormat,
}

/// Format of the settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[non_exhaustive]
pub enum ConfigFormat {
    /// One line for each setting
    #[default]
    Text,
    /// A JSON array of objects
    Json,
}

impl ConfigOptions {
    pub(super) fn execute(&self, app: &mut App) -> Result<Status, Error> {
        let settings = app.settings(self.config.as_ref())?;
        let is_shown = |value: &&SettingValue| self.all || value.source != Source::Default;
        let values = settings.values().iter().filter(is_shown);
        print(&match self.format {
            ConfigFormat::Text => table(values),
            ConfigFormat::Json => json(&values.map(setting_object).collect::<Vec<_>>()),
        });
        if self.format == ConfigFormat::Text && !self.all {
            print(&defaults(&settings));
        }
        settings.config().http.public_url().map_err(|problem| BuildError::new(vec![problem]))?;
        Ok(Status::Clean)
    }
}

/// Returns a setting as a JSON object.
pub(super) fn setting_object(value: &SettingValue) -> Value {
    json!({
        "key": value.key,
        "variables": value.variables,
        "value": value.value,
        "source": value.source.to_string(),
    })
}

fn defaults(settings: &Settings) -> String {
    let defaults = settings.values().iter().filter(|value| value.source == Source::Default).count();
    format!("{defaults} settings have their defaults; `config --all` prints them\n")
}
