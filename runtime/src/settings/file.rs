//! The configuration file.

use std::{fs, path::Path};

use figment::value::{Dict, Value};

use super::{
    ConfigError, Kind, SETTINGS, SecretError, Setting,
    secret::{self, exposed},
    setting::nearest,
};

/// Reads the configuration file. Reports every key that is not a setting.
pub(super) fn read(path: &Path, origin: &'static str, errors: &mut Vec<ConfigError>) -> Result<Dict, ConfigError> {
    let text = fs::read_to_string(path).map_err(|error| ConfigError::ReadFile {
        path: path.to_owned(),
        origin,
        problem: error.to_string(),
    })?;
    let mut file: Dict = toml::from_str(&text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        let line = 1 + text.bytes().take(start).filter(|&byte| byte == b'\n').count();
        // `Display` shows the line, which may hold a secret.
        ConfigError::Syntax { path: path.to_owned(), line, problem: error.message().to_owned() }
    })?;
    let sections: Vec<&str> = SETTINGS.iter().filter_map(|setting| setting.section_and_field().0).collect();
    let unknown = |key: String| {
        let keys = SETTINGS.iter().map(|setting| setting.key).chain(sections.iter().copied());
        ConfigError::UnknownKey { file: path.to_owned(), nearest: nearest(&key, keys).map(str::to_owned), key }
    };
    let is_known = |key: &str| {
        let secret = key.strip_suffix("_file").and_then(Setting::find);
        Setting::find(key).is_some() || secret.is_some_and(|setting| setting.kind == Kind::Secret)
    };
    for (key, value) in &file {
        match value {
            Value::Dict(_, section) if sections.contains(&key.as_str()) => {
                let keys = section.keys().map(|field| format!("{key}.{field}"));
                errors.extend(keys.filter(|key| !is_known(key)).map(unknown));
            }
            _ if sections.contains(&key.as_str()) => errors.push(ConfigError::InvalidValue {
                origin: format!("`{key}` in {}", path.display()),
                expected: format!("a table: write `[{key}]` and the settings below it"),
                value: None,
            }),
            _ if is_known(key) => {}
            _ => errors.push(unknown(key.clone())),
        }
    }
    read_secret_files(&mut file, errors);
    // What is wrong has been reported.
    file.retain(|key, value| {
        sections.contains(&key.as_str()) == value.as_dict().is_some() && is_known_or_section(key)
    });
    for (key, value) in &mut file {
        if let Value::Dict(_, section) = value {
            section.retain(|field, _| Setting::find(&format!("{key}.{field}")).is_some());
        }
    }
    Ok(file)
}

fn is_known_or_section(key: &str) -> bool {
    SETTINGS.iter().any(|setting| setting.key == key || setting.section_and_field().0 == Some(key))
}

/// Replaces the path of each file with a secret by the secret.
fn read_secret_files(file: &mut Dict, errors: &mut Vec<ConfigError>) {
    for setting in SETTINGS.iter().filter(|setting| setting.kind == Kind::Secret) {
        let (Some(section), field) = setting.section_and_field() else { continue };
        let Some(Value::Dict(_, section)) = file.get_mut(section) else { continue };
        let file_field = format!("{field}_file");
        let Some(path) = section.remove(&file_field) else { continue };
        let origin = format!("{}_file", setting.key);
        let secret = match path.as_str() {
            None => Err(ConfigError::InvalidValue { origin, expected: "the path of a file".to_owned(), value: None }),
            Some(_) if section.contains_key(field) => {
                Err(SecretError::SetTwice { variable: setting.key.to_owned(), file_variable: origin }.into())
            }
            Some(path) => secret::read_file(path.as_ref(), &origin).map_err(ConfigError::from),
        };
        match secret {
            Ok(secret) => {
                section.insert(field.to_owned(), exposed(&secret));
            }
            Err(error) => errors.push(error),
        }
    }
}
