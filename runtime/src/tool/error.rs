//! How a tool fails.

use std::{error::Error, fmt};

use super::{Denied, InputRequired, Violation};
use crate::{auth::InsufficientScope, scope::MissingScopes};

/// Why a tool did not give a result.
///
/// [`ToolError::new`] is a message for the model: it is shown as it is. Every other error converts with `?` and is
/// **masked**: the caller sees "internal error" and a reference number, the log has the number and the cause. So a
/// database error cannot tell a caller what the database looks like.
///
/// ```
/// # use toolgate::prelude::*;
/// # pub static SCOPES: Scopes = Scopes::new(&["files:read"]);
/// /// Read the message of the day.
/// #[tool(scopes = "files:read", read_only)]
/// async fn motd(day: u8) -> Result<String, ToolError> {
///     if day > 31 {
///         return Err(ToolError::new("a month has at most 31 days"));
///     }
///     Ok(std::fs::read_to_string("/etc/motd")?) // masked
/// }
/// # fn main() {}
/// ```
///
/// It is deliberately no [`std::error::Error`]: that is what lets every error convert into it.
#[derive(Debug)]
pub struct ToolError(Failure);

/// The ways to fail, told apart by whoever answers the caller.
#[derive(Debug)]
pub(crate) enum Failure {
    /// For the model, word for word.
    Shown(String),
    /// For the log only.
    Masked(Box<dyn Error + Send + Sync>),
    /// The body asked for one more scope: the caller can step up.
    InsufficientScope(MissingScopes),
    /// A guard said no.
    Denied(Denied),
    /// The arguments do not fit the schema.
    InvalidArguments(Vec<Violation>),
    /// As many calls as the tool allows are running.
    Busy,
    /// The body needs an answer from the user first.
    InputRequired(Box<InputRequired>),
}

impl ToolError {
    /// A message that the model sees, so that it can do better: say what was wrong and what would work.
    pub fn new(message: impl Into<String>) -> Self {
        Self(Failure::Shown(message.into()))
    }

    /// An error that only the log sees, for what does not convert by itself.
    pub fn masked(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(Failure::Masked(cause.into()))
    }

    pub(crate) fn invalid_arguments(violations: Vec<Violation>) -> Self {
        Self(Failure::InvalidArguments(violations))
    }

    pub(crate) fn busy() -> Self {
        Self(Failure::Busy)
    }

    pub(crate) fn into_failure(self) -> Failure {
        self.0
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for ToolError {
    fn from(error: E) -> Self {
        let mut error: Box<dyn Error + Send + Sync> = Box::new(error);
        // The errors of ours that mean something to the gate; all others are the author's business.
        error = match error.downcast::<InsufficientScope>() {
            Ok(refusal) => return Self(Failure::InsufficientScope(refusal.0)),
            Err(error) => error,
        };
        error = match error.downcast::<Denied>() {
            Ok(denied) => return Self(Failure::Denied(*denied)),
            Err(error) => error,
        };
        match error.downcast::<InputRequired>() {
            Ok(input) => Self(Failure::InputRequired(input)),
            Err(error) => Self(Failure::Masked(error)),
        }
    }
}

/// An error and its causes in one line, for the log.
pub(crate) struct ErrorChain<'a>(pub(crate) &'a (dyn Error + 'static));

impl fmt::Display for ErrorChain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_not_large_for_its_error() {
        // clippy's `result_large_err` speaks of 128 bytes, in the author's crate.
        assert!(size_of::<ToolError>() <= 64);
    }

    #[test]
    fn an_error_of_somebody_else_is_masked() {
        let error = ToolError::from(std::io::Error::other("the password is swordfish"));
        assert!(matches!(error.into_failure(), Failure::Masked(_)));
    }

    #[test]
    fn a_missing_scope_stays_a_missing_scope() {
        let missing_scopes = MissingScopes { required: vec!["a"], missing: vec!["a"] };
        let error = ToolError::from(InsufficientScope(missing_scopes.clone()));
        assert!(matches!(error.into_failure(), Failure::InsufficientScope(s) if s == missing_scopes));
    }
}
