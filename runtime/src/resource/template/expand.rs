//! Expansion of a template, the inverse of matching, with which tests and fuzzing check it.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{MAX_URI_BYTES, UriTemplate, Variable, VariableKind, Variables, value};

/// Characters of a value that are percent-encoded: all that are not unreserved (RFC 6570, section 3.2.2).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The same without `/`, which separates the segments of `{+name}`.
const ENCODED_IN_SEGMENTS: &AsciiSet = &ENCODED.remove(b'/');

impl UriTemplate {
    /// Returns the URI with these values. [`matches`](Self::matches) returns the same values for it.
    pub(crate) fn expand(&self, variables: &Variables) -> Result<String, ExpandError> {
        if let Some((unknown, _)) = variables.iter().find(|(name, _)| !self.variables().any(|known| known == *name)) {
            return Err(ExpandError::Unknown(unknown.to_owned()));
        }
        let mut uri = String::from(&*self.head);
        let add = |uri: &mut String, name: &str, value: &str, kind| {
            if !value::is_allowed(value, kind) {
                return Err(ExpandError::Value(name.to_owned()));
            }
            uri.extend(encode(value, kind));
            Ok(())
        };
        for (Variable { name, kind }, literal) in &self.variables {
            let value = get(variables, name).ok_or_else(|| ExpandError::Missing(name.to_string()))?;
            add(&mut uri, name, value, *kind)?;
            uri.push_str(literal);
        }
        let mut separator = '?';
        for name in &self.optional {
            let Some(value) = get(variables, name) else { continue };
            uri.push(separator);
            uri.push_str(name);
            uri.push('=');
            add(&mut uri, name, value, VariableKind::Optional)?;
            separator = '&';
        }
        if uri.len() > MAX_URI_BYTES {
            return Err(ExpandError::TooLong);
        }
        let is_same = self.matches(&uri).is_some_and(|matched| {
            matched.iter().count() == variables.iter().count()
                && matched.iter().all(|(name, value)| get(variables, name) == Some(value))
        });
        if is_same { Ok(uri) } else { Err(ExpandError::Ambiguous) }
    }
}

/// Percent-encodes a value: everything but unreserved characters, and `/` in `{+name}`.
fn encode(value: &str, kind: VariableKind) -> impl Iterator<Item = &str> {
    utf8_percent_encode(value, if matches!(kind, VariableKind::Segments(_)) { ENCODED_IN_SEGMENTS } else { ENCODED })
}

fn get<'a>(variables: &'a Variables, name: &str) -> Option<&'a str> {
    variables.iter().find_map(|(other, value)| (other == name).then_some(value))
}

/// Why a template has no URI for some values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ExpandError {
    /// A variable has no value.
    #[error("the variable `{0}` has no value: add one")]
    Missing(String),
    /// The template has no such variable.
    #[error("the URI template has no variable `{0}`: remove the value")]
    Unknown(String),
    /// A value is one that no URI can have, such as `..`.
    #[error(
        "the value of `{0}` is not allowed in a URI: it must not be empty, leave its segment, or contain control \
         characters, invisible characters, `\\` or percent-encodings"
    )]
    Value(String),
    /// Matching the URI would return other values.
    #[error("the values contain the text that separates their variables: change the values, or separate them by `/`")]
    Ambiguous,
    /// The URI is too long.
    #[error("the URI is too long: use values with which it has at most {MAX_URI_BYTES} bytes")]
    TooLong,
}
