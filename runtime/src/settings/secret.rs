//! Secrets in environment variables and in files.

use std::{ffi::OsString, fs::File, io::Read, path::Path};

use figment::value::Value;
use secrecy::{ExposeSecret as _, SecretString};

use super::SecretError;

/// Maximum size of a file with a secret, in bytes.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// A secret and the environment variable that it was read from: its own, or the one with `_FILE` at the end.
#[derive(Clone, Debug)]
pub(crate) struct SecretVariable {
    pub(crate) name: String,
    pub(crate) secret: SecretString,
}

/// Reads a secret from the variable `name`, or from the file that the variable `<name>_FILE` names. A variable that is
/// blank counts as missing.
///
/// # Errors
///
/// Both variables are set, or the value cannot be read.
pub(crate) fn read_secret(
    name: &str,
    lookup: impl Fn(&str) -> Option<OsString>,
) -> Result<Option<SecretVariable>, SecretError> {
    let is_blank = |value: &OsString| value.to_string_lossy().trim().is_empty();
    let lookup = |name: &str| lookup(name).filter(|value| !is_blank(value));
    let file_variable = format!("{name}_FILE");
    match (lookup(name), lookup(&file_variable)) {
        (Some(_), Some(_)) => Err(SecretError::SetTwice { variable: name.to_owned(), file_variable }),
        (Some(value), None) => {
            let secret = value.into_string().map_err(|_| SecretError::NotText { origin: name.to_owned() })?;
            Ok(Some(SecretVariable { name: name.to_owned(), secret: secret.into() }))
        }
        (None, Some(path)) => {
            let secret = read_file(Path::new(&path), &file_variable)?;
            Ok(Some(SecretVariable { name: file_variable, secret }))
        }
        (None, None) => Ok(None),
    }
}

/// Reads a secret from a file, without the line break at its end.
pub(super) fn read_file(path: &Path, origin: &str) -> Result<SecretString, SecretError> {
    let error =
        |problem: String| SecretError::Unreadable { origin: origin.to_owned(), path: path.to_owned(), problem };
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes));
    read.map_err(|source| error(source.to_string()))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(error(format!("it has more than {MAX_FILE_BYTES} bytes")));
    }
    let mut text = String::from_utf8(bytes).map_err(|_| error("it is not UTF-8 text".to_owned()))?;
    text.truncate(text.trim_end_matches(['\r', '\n']).len());
    if text.trim().is_empty() {
        return Err(error("it is empty".to_owned()));
    }
    Ok(text.into())
}

/// Returns a secret as the value of its setting.
pub(super) fn exposed(secret: &SecretString) -> Value {
    Value::from(secret.expose_secret())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use secrecy::ExposeSecret as _;

    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Option<(String, String)>, SecretError> {
        let lookup =
            |name: &str| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| OsString::from(*value));
        let secret = read_secret("KEY", lookup)?;
        Ok(secret.map(|SecretVariable { name, secret }| (name, secret.expose_secret().to_owned())))
    }

    #[test]
    fn a_secret_is_read_from_its_variable_or_from_a_file_without_its_line_break() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"hunter2\r\n").unwrap();
        let path = file.path().to_str().unwrap();
        let secret = |name: &str| Ok(Some((name.to_owned(), "hunter2".to_owned())));
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[("KEY", " "), ("KEY_FILE", "")]), Ok(None));
        assert_eq!(read(&[("KEY", "hunter2")]), secret("KEY"));
        assert_eq!(read(&[("KEY_FILE", path)]), secret("KEY_FILE"));
        let error = read(&[("KEY", "hunter2"), ("KEY_FILE", path)]).unwrap_err().to_string();
        assert_eq!(error, "`KEY` and `KEY_FILE` are both set: unset one of them");
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named_and_its_content_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let long = vec![b'x'; 70_000];
        for (name, content) in [("empty", &b" \n"[..]), ("binary", b"hunter2\xff"), ("long", &long)] {
            std::fs::write(folder.path().join(name), content).unwrap();
        }
        for (name, problem) in
            [("missing", "No such file"), ("empty", "empty"), ("binary", "UTF-8"), ("long", "65536")]
        {
            let path = folder.path().join(name);
            let path = path.to_str().unwrap();
            let error = read(&[("KEY_FILE", path)]).unwrap_err().to_string();
            assert!(error.starts_with("`KEY_FILE` names ") && error.contains(path), "{error}");
            assert!(error.contains(problem) && !error.contains("hunter2"), "{error}");
        }
    }
}
