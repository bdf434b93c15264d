//! Environment variables with the settings of validators, which have their own names and are in no [table](super::setting).
//!
//! A missing variable is empty. White space around a value is ignored, because values from files often end with a newline.

use std::ffi::OsString;

use secrecy::{ExposeSecret as _, SecretString};

use super::{SecretError, SecretVariable, read_secret};

/// Reads a text.
///
/// # Errors
///
/// [`SecretError::NotText`] if it is not UTF-8.
pub(crate) fn read_text_variable(
    name: &str,
    lookup: impl Fn(&str) -> Option<OsString>,
) -> Result<String, SecretError> {
    let Some(value) = lookup(name) else { return Ok(String::new()) };
    let value = value.into_string().map_err(|_| SecretError::NotText { origin: name.to_owned() })?;
    tracing::debug!(setting = name, source = name, "read a setting");
    Ok(value.trim().to_owned())
}

/// Reads a secret from its variable, or from the file that the variable with `_FILE` at its end names.
///
/// # Errors
///
/// Both variables are set, or the value cannot be read.
pub(crate) fn read_secret_variable(
    name: &str,
    lookup: impl Fn(&str) -> Option<OsString>,
) -> Result<SecretString, SecretError> {
    let Some(SecretVariable { name: source, secret }) = read_secret(name, lookup)? else {
        return Ok(SecretString::default());
    };
    tracing::debug!(setting = name, source, "read a setting");
    Ok(secret.expose_secret().trim().into())
}
