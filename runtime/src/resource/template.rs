//! URI templates (RFC 6570), as far as resources need them.
//!
//! | expression | value |
//! |---|---|
//! | `{name}` | characters of one segment |
//! | `{+name}` | one segment or several, at most once |
//! | `{?a,b}` | optional parameters of the query, in any order, at the end |
//!
//! # Matching
//!
//! The text outside expressions is compared byte by byte. Each value is percent-decoded exactly once. A URI does not match
//! if a value, after decoding,
//!
//! - is not UTF-8, is empty (except in `{?..}`), or contains a control character, an invisible character or `\`,
//! - contains `%` and two hexadecimal digits, so that decoding it again would change it,
//! - is `.` or `..`, or contains `/` in `{name}`,
//! - has a segment that is empty, `.` or `..`, or that starts with a drive of Windows (`c:`), in `{+name}`,
//! - has `.` or `..` as a segment in `{?..}`, where `/` and empty segments are allowed.
//!
//! A value can have more than one spelling, because clients differ in which reserved characters they percent-encode, and
//! in the case of the digits: `a@b`, `a%40b`; `%c3%a9`, `%C3%A9`. This is safe because guards, conditions, the body and
//! the audit log receive the same decoded value, and none of them reads the URI again. Unreserved characters
//! (RFC 3986, section 2.3) have one spelling, and so does `/` in `{+name}`: no client needs to encode them, and an
//! encoded one is usually an attempt to pass a check.
//!
//! If a text can be split between variables in more than one way, as for `{a}-{b}`, values before `{+name}` are as short
//! as possible, values after it are as short as possible, and `{+name}`, or the last value, takes the rest. Matching takes
//! time linear in the length of the URI.

mod check;
#[cfg(any(fuzzing, test, toolgate_internals))]
mod expand;
mod overlap;
mod problem;
mod syntax;
#[cfg(test)]
mod tests;
mod value;
mod variables;

use std::{fmt, sync::Arc};

#[doc(hidden)]
pub use check::check_uri;
#[cfg(test)]
pub(crate) use expand::ExpandError;
pub(crate) use problem::UriTemplateError;
pub(crate) use variables::Variables;

use super::{MAX_URI_BYTES, byte_set::UNRESERVED};
use syntax::{Parser, Part, VariableKind};

/// URI template, or a URI without variables.
#[derive(Clone)]
pub(crate) struct UriTemplate {
    text: Box<str>,
    /// Literal before the first variable. It contains the scheme.
    head: Box<str>,
    /// Variables outside `{?..}`, each with the literal after it. Only the last literal can be empty.
    variables: Vec<(Variable, Box<str>)>,
    /// Variables of `{?..}`.
    optional: Vec<Arc<str>>,
}

#[derive(Clone)]
struct Variable {
    name: Arc<str>,
    kind: VariableKind,
}

impl UriTemplate {
    /// Parses a template.
    pub(crate) fn parse(text: &str) -> Result<Self, UriTemplateError> {
        let error = |syntax| UriTemplateError::new(text, syntax);
        syntax::validate(text).map_err(error)?;
        let mut template =
            Self { text: text.into(), head: Box::default(), variables: Vec::new(), optional: Vec::new() };
        let mut parser = Parser::new(text);
        while let Some(part) = parser.next().map_err(error)? {
            match part {
                Part::Literal(literal) => match template.variables.last_mut() {
                    Some((_, after)) => *after = literal.into(),
                    None => template.head = literal.into(),
                },
                Part::Variable { name, kind: VariableKind::Optional } => template.optional.push(name.into()),
                Part::Variable { name, kind } => {
                    template.variables.push((Variable { name: name.into(), kind }, Box::default()));
                }
            }
        }
        Ok(template)
    }

    /// Returns whether the template is a URI: it has no variables.
    pub(crate) fn is_uri(&self) -> bool {
        self.variables.is_empty() && self.optional.is_empty()
    }

    /// Returns the names of the variables, in their order.
    pub(crate) fn variables(&self) -> impl Iterator<Item = &str> {
        self.variables.iter().map(|(variable, _)| &*variable.name).chain(self.optional.iter().map(|name| &**name))
    }

    /// Returns whether a URI can omit a variable: it is one of `{?..}`.
    pub(crate) fn is_optional(&self, name: &str) -> bool {
        self.optional.iter().any(|optional| **optional == *name)
    }

    /// Returns whether a URI can match both templates. It can return `true` if there is no such URI, but never `false` if
    /// there is one.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        overlap::overlap(self, other)
    }

    /// Returns the decoded values of the variables, or `None` if the URI does not match.
    pub(crate) fn matches(&self, uri: &str) -> Option<Variables> {
        if uri.len() > MAX_URI_BYTES || !uri.is_ascii() {
            return None;
        }
        let (base, query) = match uri.split_once('?') {
            Some((base, query)) if !self.optional.is_empty() => (base, Some(query)),
            _ => (uri, None),
        };
        let texts = self.split(base)?;
        let mut values = Vec::with_capacity(texts.len() + self.optional.len());
        for ((variable, _), text) in self.variables.iter().zip(texts) {
            values.push((variable.name.clone(), value::decode(text, variable.kind)?));
        }
        if let Some(query) = query {
            self.match_query(query, &mut values)?;
        }
        Some(values.into_iter().collect())
    }

    /// Returns whether a URI matches and has other spellings, which match with the same values.
    ///
    /// A request with the spelling of a declared resource reads that resource. With another spelling, it reads the same
    /// values through the template, under the policy of the template.
    pub(crate) fn matches_other_spellings_of(&self, uri: &str) -> bool {
        let Some(variables) = self.matches(uri) else { return false };
        let has_segments = |name: &str| {
            let mut variables = self.variables.iter().map(|(variable, _)| variable);
            variables.any(|variable| *variable.name == *name && matches!(variable.kind, VariableKind::Segments(_)))
        };
        let has_one_spelling = |(name, value): (&str, &str)| {
            value.bytes().all(|byte| UNRESERVED.contains(byte) || byte == b'/' && has_segments(name))
        };
        let parameters = variables.iter().filter(|(name, _)| self.is_optional(name)).count();
        parameters > 1 || !variables.iter().all(has_one_spelling)
    }

    /// Splits a URI without `{?..}` into the texts of the variables.
    fn split<'u>(&self, uri: &'u str) -> Option<Vec<&'u str>> {
        let mut rest = uri.strip_prefix(&*self.head)?;
        let Some(last) = self.variables.len().checked_sub(1) else {
            return rest.is_empty().then(Vec::new);
        };
        rest = rest.strip_suffix(&*self.variables[last].1)?;
        let is_segments = |(variable, _): &(Variable, _)| matches!(variable.kind, VariableKind::Segments(_));
        // The variable that takes the rest of the text.
        let widest = self.variables.iter().position(is_segments).unwrap_or(last);
        let mut texts = vec![""; self.variables.len()];
        for ((_, literal), text) in self.variables.iter().zip(&mut texts).take(widest) {
            // No text is empty, so the literal is not at the start.
            let end = rest.get(1..)?.find(&**literal)? + 1;
            *text = &rest[..end];
            rest = &rest[end + literal.len()..];
        }
        for i in (widest + 1..=last).rev() {
            let literal = &*self.variables[i - 1].1;
            let end = rest.get(..rest.len().checked_sub(1)?)?.rfind(literal)?;
            texts[i] = &rest[end + literal.len()..];
            rest = &rest[..end];
        }
        texts[widest] = rest;
        Some(texts)
    }

    /// Adds the parameters of a query, in the order of the template.
    fn match_query(&self, query: &str, values: &mut Vec<(Arc<str>, String)>) -> Option<()> {
        let mut found = vec![None; self.optional.len()];
        for parameter in query.split('&') {
            let (name, text) = parameter.split_once('=')?;
            let index = self.optional.iter().position(|optional| **optional == *name)?;
            let value = value::decode(text, VariableKind::Optional)?;
            if found[index].replace(value).is_some() {
                return None;
            }
        }
        let named = self.optional.iter().zip(found);
        values.extend(named.filter_map(|(name, value)| Some((name.clone(), value?))));
        Some(())
    }
}

impl fmt::Display for UriTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for UriTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("UriTemplate").field(&self.text).finish()
    }
}
