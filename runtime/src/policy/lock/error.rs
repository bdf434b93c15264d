//! Problems of lock files.

use std::fmt;

use thiserror::Error;

use crate::rate::RateError;

/// Line of a lock file that cannot be read. `Debug` prints the same text as `Display`.
#[derive(Clone, PartialEq, Eq, Error)]
#[error("line {line}: {problem}")]
#[non_exhaustive]
pub struct LockError {
    /// Number of the line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: LockProblem,
}

impl fmt::Debug for LockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What is wrong with a line of a lock file.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LockProblem {
    /// A line that is not indented starts with another word than those of sections.
    #[error("unknown section `{0}`: expected `scope`, `server`, `role`, `tool`, `prompt` or `resource`")]
    UnknownSection(String),
    /// An indented line is not a fact of its section.
    #[error("unknown fact `{fact}` of a {section}: expected {expected}")]
    #[non_exhaustive]
    UnknownFact {
        /// First word of the section.
        section: &'static str,
        /// First word of the line.
        fact: String,
        /// What the section can contain.
        expected: &'static str,
    },
    /// An indented line is in no section.
    #[error("an indented line must follow a line with `scope`, `server`, `role`, `tool`, `prompt` or `resource`")]
    FactWithoutSection,
    /// A line lacks the value after its first word.
    #[error("`{0}` has no value")]
    MissingValue(&'static str),
    /// A line with `scopes_if` has no condition.
    #[error("`scopes_if` has no condition: write `scopes_if SCOPES when CONDITION`")]
    MissingCondition,
    /// A line has text after its value.
    #[error("unexpected `{0}` after the value: quote a name that has spaces")]
    UnexpectedText(String),
    /// A quoted text is not a JSON string.
    #[error("expected a JSON string, got `{text}`")]
    #[non_exhaustive]
    InvalidString {
        /// The text.
        text: String,
    },
    /// A section occurs twice.
    #[error("duplicate section `{0}`: merge the two")]
    DuplicateSection(String),
    /// The name of a resource is not a URI or a URI template. The text says why.
    #[error("{0}")]
    InvalidUri(String),
    /// A number is not a positive integer.
    #[error("expected a positive integer, got `{0}`")]
    InvalidNumber(String),
    /// A rate cannot be read.
    #[error(transparent)]
    InvalidRate(#[from] RateError),
    /// A scope has no section of its own.
    #[error("the scope `{scope}` has no `scope` line: {}", advice(.similar.as_ref()))]
    #[non_exhaustive]
    UnknownScope {
        /// The scope.
        scope: String,
        /// A similar scope of the file.
        similar: Option<String>,
    },
}

fn advice(similar: Option<&String>) -> String {
    similar.map_or_else(|| "add one".to_owned(), |similar| format!("did you mean `{similar}`?"))
}
