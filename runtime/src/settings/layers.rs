//! Merges the layers of settings, and remembers where each value is from.

use std::path::PathBuf;

use figment::{
    Figment, Metadata, Profile, Provider,
    value::{Dict, Map, Value},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value as Json;

use super::{
    CHECK_TOKEN, CONFIG_FILE, ConfigError, Environment, Kind, SETTINGS, SecretError, SecretVariable, Setting,
    SettingValue, Source, read_secret,
    secret::exposed,
    setting::{PREFIX, nearest},
};

/// Maximum length of a value in an error, in characters.
const MAX_SHOWN: usize = 200;

/// Settings of the command line, which are stronger than all others.
#[derive(Clone, Debug, Default)]
pub(crate) struct CommandLine(Vec<(&'static str, Source, Value)>);

impl CommandLine {
    /// Sets a setting. `option` is the name of the option.
    #[cfg(any(feature = "cli", test))]
    pub(crate) fn set(&mut self, key: &'static str, option: &str, value: &str) {
        debug_assert!(Setting::find(key).is_some(), "{key} is not a setting");
        self.0.push((key, Source::Option(option.to_owned()), Value::from(value)));
    }
}

/// The layers above the settings of the code.
#[derive(Debug)]
pub(crate) struct Layers<'a> {
    /// The configuration file, and what names it.
    pub(crate) file: Option<(PathBuf, &'static str)>,
    pub(crate) environment: &'a Environment,
    pub(crate) command_line: &'a CommandLine,
}

/// Settings and where they are from.
#[derive(Debug)]
pub(crate) struct Loaded<T> {
    pub(crate) settings: T,
    pub(crate) values: Vec<SettingValue>,
}

impl Layers<'_> {
    /// Merges the layers above `code`. A secret in `code` is not part of it when it is serialized, and is absent from the
    /// result.
    ///
    /// # Errors
    ///
    /// Every unknown name and every value that cannot be read.
    pub(crate) fn load<T: Default + Serialize + DeserializeOwned>(
        self,
        code: &T,
    ) -> Result<Loaded<T>, Vec<ConfigError>> {
        let mut errors = Vec::new();
        let defaults = dict(&T::default());
        let mut figment = Figment::from(Layer::new(Source::Default, defaults.clone()));
        figment = figment.merge(Layer::new(Source::Code, differences(&defaults, dict(code))));
        let file = self.file.or_else(|| Some((self.environment.config_file()?, CONFIG_FILE)));
        if let Some((path, origin)) = file {
            #[cfg(feature = "config-file")]
            let values = super::file::read(&path, origin, &mut errors);
            #[cfg(not(feature = "config-file"))]
            let values = Err(ConfigError::ConfigFileFeature { path: path.clone(), origin });
            match values {
                Ok(file) => figment = figment.merge(Layer::new(Source::File(path), file)),
                Err(error) => errors.push(error),
            }
        }
        for (setting, variable, value) in variables(self.environment, &mut errors) {
            figment = figment.merge(Layer::of_setting(Source::Variable(variable), setting.key, value));
        }
        for (key, source, value) in &self.command_line.0 {
            figment = figment.merge(Layer::of_setting(source.clone(), key, value.clone()));
        }
        let settings = extract(&figment, &defaults, &mut errors);
        match settings {
            Some(settings) if errors.is_empty() => Ok(Loaded { settings, values: values(&figment) }),
            _ => Err(errors),
        }
    }
}

/// One layer, as figment reads it.
struct Layer {
    source: Source,
    values: Dict,
}

impl Layer {
    fn new(source: Source, values: Dict) -> Self {
        Self { source, values }
    }

    fn of_setting(source: Source, key: &str, value: Value) -> Self {
        Self::new(source, figment::util::nest(key, value).into_dict().unwrap_or_default())
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        match &self.source {
            Source::Default => Metadata::named("default"),
            Source::Code => Metadata::named("code"),
            Source::File(path) => Metadata::from("file", path.as_path()),
            Source::Variable(name) => Metadata::from("variable", name.as_str()),
            Source::Option(name) => Metadata::from("option", name.as_str()),
        }
    }

    fn data(&self) -> figment::error::Result<Map<Profile, Dict>> {
        Ok(Map::from([(Profile::Default, self.values.clone())]))
    }
}

/// Returns the source of which [`Layer::metadata`] made the metadata.
fn source_of(metadata: Option<&Metadata>) -> Source {
    let Some(metadata) = metadata else { return Source::Default };
    match (&*metadata.name, &metadata.source) {
        ("code", _) => Source::Code,
        ("file", Some(figment::Source::File(path))) => Source::File(path.clone()),
        ("variable", Some(figment::Source::Custom(name))) => Source::Variable(name.clone()),
        ("option", Some(figment::Source::Custom(name))) => Source::Option(name.clone()),
        _ => Source::Default,
    }
}

fn dict<T: Serialize>(settings: &T) -> Dict {
    let value = Value::serialize(settings).expect("settings can be serialized");
    value.into_dict().expect("settings are a struct")
}

/// Returns the values of `code` that are not those of `defaults`.
fn differences(defaults: &Dict, code: Dict) -> Dict {
    let mut changed = Dict::new();
    for (key, value) in code {
        match (value, defaults.get(&key)) {
            (Value::Dict(tag, section), Some(Value::Dict(_, default))) => {
                let section = differences(default, section);
                // An empty table would be a setting of the code.
                if !section.is_empty() {
                    changed.insert(key, Value::Dict(tag, section));
                }
            }
            (value, default) if default != Some(&value) => {
                changed.insert(key, value);
            }
            _ => {}
        }
    }
    changed
}

/// Returns the settings in environment variables, each with its variable. Reports unknown names.
fn variables(environment: &Environment, errors: &mut Vec<ConfigError>) -> Vec<(&'static Setting, String, Value)> {
    let mut names = vec![CONFIG_FILE.to_owned(), CHECK_TOKEN.to_owned()];
    let mut found = Vec::new();
    for setting in SETTINGS {
        let variables = setting.variables();
        if setting.kind == Kind::Secret {
            match read_secret(&setting.variable(), |name| environment.get(name).cloned()) {
                Ok(Some(SecretVariable { name, secret })) => found.push((setting, name, exposed(&secret))),
                Ok(None) => {}
                Err(error) => errors.push(error.into()),
            }
            names.push(format!("{}_FILE", setting.variable()));
        } else if let Some((name, value)) = variables.iter().find_map(|name| Some((name, environment.get(name)?))) {
            match value.to_str() {
                Some(text) => found.push((setting, name.clone(), parse(setting.kind, text.trim()))),
                None => errors.push(SecretError::NotText { origin: name.clone() }.into()),
            }
        }
        names.extend(variables);
    }
    for name in environment.own_names().filter(|&name| !names.iter().any(|known| known == name)) {
        let own = names.iter().filter_map(|name| name.strip_prefix(PREFIX));
        let nearest = nearest(name.trim_start_matches(PREFIX), own).map(|rest| format!("{PREFIX}{rest}"));
        errors.push(ConfigError::UnknownVariable { name: shown(name), nearest });
    }
    found
}

/// Reads the text of a variable. A text of the wrong form remains a text, which is then reported.
fn parse(kind: Kind, text: &str) -> Value {
    match kind {
        Kind::Number | Kind::Bytes => text.parse::<u64>().map_or_else(|_| text.into(), Value::from),
        Kind::Switch => text.parse::<bool>().map_or_else(|_| text.into(), Value::from),
        Kind::List => text.split(',').map(str::trim).filter(|item| !item.is_empty()).collect::<Vec<_>>().into(),
        Kind::Rates => {
            let rates = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            // A URI can contain an equals sign, and a rate cannot.
            let rates = rates.map(|item| {
                let (name, rate) = item.rsplit_once('=')?;
                Some((name.trim().to_owned(), Value::from(rate.trim())))
            });
            rates.collect::<Option<Dict>>().map_or_else(|| text.into(), Value::from)
        }
        _ => text.into(),
    }
}

/// Extracts the settings. Reports every value that has the wrong type.
fn extract<T: DeserializeOwned>(figment: &Figment, defaults: &Dict, errors: &mut Vec<ConfigError>) -> Option<T> {
    if let Some(settings) = deserialize(figment) {
        return Some(settings);
    }
    let before = errors.len();
    for setting in SETTINGS {
        let Ok(value) = figment.find_value(setting.key) else { continue };
        let defaults = Figment::from(Layer::new(Source::Default, defaults.clone()));
        let alone = defaults.merge(Layer::of_setting(Source::Default, setting.key, value));
        if deserialize::<T>(&alone).is_none() {
            errors.push(invalid_value(figment, setting));
        }
    }
    if errors.len() == before {
        let expected = "a valid combination of values".to_owned();
        errors.push(ConfigError::InvalidValue { origin: "the settings".to_owned(), expected, value: None });
    }
    None
}

/// Deserializes the settings from JSON. figment's own deserializers are several generic types, for each of which all
/// structs of settings would be compiled.
fn deserialize<T: DeserializeOwned>(figment: &Figment) -> Option<T> {
    let values = figment.find_value("").ok()?;
    T::deserialize(json(&values)).ok()
}

fn json(value: &Value) -> Json {
    match value {
        Value::String(_, text) => Json::from(text.as_str()),
        Value::Char(_, character) => Json::from(character.to_string()),
        Value::Bool(_, value) => Json::from(*value),
        Value::Num(..) => {
            let integer = value.to_u128().and_then(|number| u64::try_from(number).ok()).map(Json::from);
            let integer = integer.or_else(|| Some(Json::from(i64::try_from(value.to_i128()?).ok()?)));
            // No setting accepts a fraction. NaN would become `null`, which is the absence of a value.
            integer.unwrap_or_else(|| Json::from(0.5))
        }
        Value::Empty(..) => Json::Null,
        Value::Dict(_, entries) => entries.iter().map(|(key, value)| (key.clone(), json(value))).collect(),
        Value::Array(_, items) => items.iter().map(json).collect(),
    }
}

fn invalid_value(figment: &Figment, setting: &Setting) -> ConfigError {
    let source = source_of(figment.find_metadata(setting.key));
    let (origin, is_variable) = match &source {
        Source::Variable(name) | Source::Option(name) => (name.clone(), true),
        source => (format!("`{}` in {source}", setting.key), false),
    };
    let value = figment.find_value(setting.key).ok().filter(|_| setting.kind != Kind::Secret);
    let value = value.map(|value| shown(&text(&value)));
    ConfigError::InvalidValue { origin, expected: setting.kind.expected(is_variable), value }
}

/// Returns all settings that the figment has, with their sources.
fn values(figment: &Figment) -> Vec<SettingValue> {
    SETTINGS
        .iter()
        .filter_map(|setting| {
            let value = figment.find_value(setting.key).ok()?;
            let source = source_of(figment.find_metadata(setting.key));
            let is_secret = setting.kind == Kind::Secret && !matches!(value, Value::Empty(..));
            let value = if is_secret { "(secret)".to_owned() } else { shown(&text(&value)) };
            Some(SettingValue { key: setting.key, variables: setting.variables(), value, source })
        })
        .collect()
}

/// Returns a value as text.
fn text(value: &Value) -> String {
    match value {
        Value::String(_, text) => text.clone(),
        Value::Bool(_, value) => value.to_string(),
        Value::Num(..) => {
            let integer = value.to_u128().map(|number| number.to_string());
            let integer = integer.or_else(|| value.to_i128().map(|number| number.to_string()));
            integer.unwrap_or_else(|| value.to_f64().unwrap_or_default().to_string())
        }
        Value::Array(_, items) if items.is_empty() => "(none)".to_owned(),
        Value::Array(_, items) => items.iter().map(text).collect::<Vec<_>>().join(","),
        Value::Empty(..) => "(none)".to_owned(),
        Value::Dict(_, entries) if entries.is_empty() => "(none)".to_owned(),
        Value::Dict(_, entries) if !entries.values().any(|value| value.as_dict().is_some()) => {
            entries.iter().map(|(name, value)| format!("{name}={}", text(value))).collect::<Vec<_>>().join(",")
        }
        _ => "(a table)".to_owned(),
    }
}

/// Returns a text that a terminal shows on one line.
fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(MAX_SHOWN).flat_map(char::escape_debug).collect();
    // `escape_debug` is for literals.
    shown = shown.replace("\\\"", "\"").replace("\\'", "'").replace("\\\\", "\\");
    if text.chars().nth(MAX_SHOWN).is_some() {
        shown.push('…');
    }
    shown
}
