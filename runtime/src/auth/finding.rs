//! What was found before anybody called.

use std::fmt;

/// How bad a [`Finding`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Severity {
    /// Good to know.
    Note,
    /// Something that somebody should look at; the server does its work.
    Warning,
    /// No token can be checked, or no client can find its way, until this is mended.
    Fatal,
}

/// Something that a [preflight](super::TokenValidator::preflight) found, in a sentence that says what to do.
///
/// ```
/// use toolgate::auth::{Finding, Severity};
///
/// let finding = Finding::fatal("directory_unreachable", "the directory does not answer: check DIRECTORY_URL");
/// assert_eq!(finding.severity(), Severity::Fatal);
/// assert_eq!(finding.code(), "directory_unreachable");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Finding {
    severity: Severity,
    code: &'static str,
    text: String,
}

impl Finding {
    /// Something that keeps the server from its work. The code is what `/readyz` names it by; the text is for the log
    /// and must hold no token and no secret.
    pub fn fatal(code: &'static str, text: impl Into<String>) -> Self {
        Self { severity: Severity::Fatal, code, text: text.into() }
    }

    /// Something that somebody should look at.
    pub fn warning(code: &'static str, text: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, code, text: text.into() }
    }

    /// Something that is good to know.
    pub fn note(code: &'static str, text: impl Into<String>) -> Self {
        Self { severity: Severity::Note, code, text: text.into() }
    }

    /// How bad it is.
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// What it is, in a word for programs.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// What it is and what to do about it, for people.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn is_fatal(&self) -> bool {
        self.severity == Severity::Fatal
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}: {}", self.severity, self.code, self.text)
    }
}
