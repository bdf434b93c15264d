//! Errors of tools, prompts and resources.

use std::error::Error;

use rmcp::ErrorData;

use super::{ApprovalRequest, AskError, Denied, InputRequired, Violation, denied::Denial};
use crate::{auth::InsufficientScope, scope::MissingScopes};

/// Error of a tool, a prompt or a resource.
///
/// [`ToolError::new`] creates a message for the model, which is shown unchanged. Other errors convert with `?`. All
/// except [`InsufficientScope`], [`Denied`], [`InputRequired`] and [`AskError`] are masked: the caller sees "internal error" and a
/// reference, and the log has the reference and the cause. So a database error does not reveal the database to a
/// caller.
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
/// Strings, `anyhow::Error` and `Box<dyn Error + Send + Sync>` are not errors in the sense of [`std::error::Error`]. They
/// need `.map_err(ToolError::masked)`:
///
/// ```
/// # use toolgate::ToolError;
/// # fn load() -> Result<String, Box<dyn std::error::Error + Send + Sync>> { Ok(String::new()) }
/// fn motd() -> Result<String, ToolError> {
///     load().map_err(ToolError::masked)
/// }
/// # motd().unwrap();
/// ```
///
/// It does not implement [`std::error::Error`], so that every error can convert into it.
#[derive(Debug)]
pub struct ToolError(Failure);

/// Kinds of failure.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A message that the model sees unchanged.
    Shown(String),
    /// An error that only the log shows.
    Masked(Box<dyn Error + Send + Sync>),
    /// The body required a scope that the token lacks; the client can step up.
    InsufficientScope(MissingScopes),
    /// A guard denied the call, with a message that the model sees.
    Denied(String),
    /// A guard failed, which denies the call. Only the log shows its error.
    GuardFailed(Box<dyn Error + Send + Sync>),
    /// The arguments violate the input schema.
    InvalidArguments(Vec<Violation>),
    /// The operation's concurrency limit is reached.
    Busy,
    /// A limit on tasks is reached. The model sees the message.
    TooManyTasks(String),
    /// The body needs input from the client.
    InputRequired(Box<InputRequired>),
    /// A person has to approve the call first.
    ApprovalRequired(Box<ApprovalRequest>),
    /// The person did not approve the call. The model sees the message.
    NotApproved(String),
    /// The resource does not exist.
    NotFound,
    /// A mounted server returned a JSON-RPC error, which the client sees unchanged.
    Protocol(Box<ErrorData>),
    /// The steps of the call end here, because only its policy is evaluated.
    Stopped,
}

impl ToolError {
    /// Creates an error whose message the model sees. State what is wrong and what would work.
    pub fn new(message: impl Into<String>) -> Self {
        Self(Failure::Shown(message.into()))
    }

    /// Creates an error that only the log shows, from a cause that does not convert with `?`.
    pub fn masked(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(Failure::Masked(cause.into()))
    }

    /// Creates the error of a resource that does not exist. A client cannot distinguish it from a URI that no resource has.
    pub fn not_found() -> Self {
        Self(Failure::NotFound)
    }

    pub(crate) fn protocol(error: ErrorData) -> Self {
        Self(Failure::Protocol(Box::new(error)))
    }

    pub(crate) fn invalid_arguments(violations: Vec<Violation>) -> Self {
        Self(Failure::InvalidArguments(violations))
    }

    pub(crate) fn busy() -> Self {
        Self(Failure::Busy)
    }

    pub(crate) fn too_many_tasks(message: impl Into<String>) -> Self {
        Self(Failure::TooManyTasks(message.into()))
    }

    pub(crate) fn insufficient_scope(scopes: MissingScopes) -> Self {
        Self(Failure::InsufficientScope(scopes))
    }

    #[cfg_attr(not(feature = "approvals"), expect(dead_code, reason = "only approvals require it"))]
    pub(crate) fn approval_required(request: ApprovalRequest) -> Self {
        Self(Failure::ApprovalRequired(Box::new(request)))
    }

    pub(crate) fn not_approved(message: impl Into<String>) -> Self {
        Self(Failure::NotApproved(message.into()))
    }

    /// Returns whether the call ended before its body and can be repeated: the operation was busy, or there were too many
    /// tasks.
    pub(crate) fn is_repeatable(&self) -> bool {
        matches!(self.0, Failure::Busy | Failure::TooManyTasks(_))
    }

    pub(crate) fn stopped() -> Self {
        Self(Failure::Stopped)
    }

    pub(crate) fn into_failure(self) -> Failure {
        self.0
    }
}

/// Error that converts into a [`ToolError`] and is masked: every [`Error`] that is `Send`, `Sync` and `'static`.
///
/// This trait only gives the compiler one message for an error that does not convert. It has no other implementations.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not convert into `ToolError`",
    label = "convert it with `.map_err(ToolError::masked)?`, or return `ToolError::new(\"..\")`",
    note = "return `Result<_, ToolError>`: `ToolError::masked` logs the error and shows \"internal error\" to the caller; \
            `ToolError::new(\"..\")` creates a message that the caller sees",
    note = "`ToolError::masked` takes strings and errors that are `Send + Sync`, such as `anyhow::Error` and `Box<dyn Error \
            + Send + Sync>`; of other errors, pass the text: `.map_err(|error| ToolError::masked(error.to_string()))?`"
)]
pub trait MaskedError: Error + Send + Sync + 'static {}

#[diagnostic::do_not_recommend]
impl<E: Error + Send + Sync + 'static> MaskedError for E {}

impl<E: MaskedError> From<E> for ToolError {
    fn from(error: E) -> Self {
        let mut error: Box<dyn Error + Send + Sync> = Box::new(error);
        // Errors of this crate that the gate or the client handles; all others are masked.
        error = match error.downcast::<InsufficientScope>() {
            Ok(error) => return Self(Failure::InsufficientScope(error.0)),
            Err(error) => error,
        };
        error = match error.downcast::<AskError>() {
            Ok(error) => return error.into_tool_error(),
            Err(error) => error,
        };
        match error.downcast::<InputRequired>() {
            Ok(input) => Self(Failure::InputRequired(input)),
            Err(error) => Self(Failure::Masked(error)),
        }
    }
}

impl From<Denied> for ToolError {
    fn from(denied: Denied) -> Self {
        Self(match denied.into_denial() {
            Denial::Message(message) => Failure::Denied(message),
            Denial::Error(error) => Failure::GuardFailed(error),
            Denial::InsufficientScope(scopes) => Failure::InsufficientScope(scopes),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_is_small_enough_for_results() {
        // clippy's `result_large_err` would warn in the crates of authors from 128 bytes on.
        assert!(size_of::<ToolError>() <= 64);
    }

    #[test]
    fn foreign_errors_are_masked() {
        let error = ToolError::from(std::io::Error::other("the password is swordfish"));
        assert!(matches!(error.into_failure(), Failure::Masked(_)));
    }

    #[test]
    fn insufficient_scope_is_preserved() {
        let missing_scopes = MissingScopes { required: vec!["a"], missing: vec!["a"] };
        let error = ToolError::from(InsufficientScope(missing_scopes.clone()));
        assert!(matches!(error.into_failure(), Failure::InsufficientScope(s) if s == missing_scopes));
    }
}
