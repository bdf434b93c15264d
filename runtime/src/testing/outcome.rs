//! How a call ended.

use std::fmt;

use serde_json::Value;

use super::{TestTask, ToolResult};
use crate::scope::MissingScopes;

/// How a call ended, for tests that match on it instead of calling a method such as
/// [`CallOutcome::allowed`](super::CallOutcome::allowed). `Display` is a sentence about the call.
///
/// A text is that of the result of a tool, as the model sees it, or of the error for a prompt or a resource.
///
/// ```
/// # use toolgate::{prelude::*, testing::{Outcome, TestServer}};
/// # pub static SCOPES: Scopes = Scopes::new(&["files:read"]);
/// # /// Fail.
/// # #[tool(authenticated)]
/// # async fn fail() -> &'static str {
/// #     panic!("out of luck")
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), toolgate::BuildError> {
/// let server = TestServer::new(Server::new("files", &SCOPES))?;
/// let call = server.with_scopes(["files:read"]).call("fail", json!({})).await;
/// assert!(matches!(call.outcome(), Outcome::Panicked(_)));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Outcome<R = ToolResult> {
    /// The body returned a result that is not an error.
    Allowed(R),
    /// The token lacks scopes that the operation, or its body, requires.
    MissingScopes(MissingScopes),
    /// The operation exists, and the response is that for one that does not exist.
    Hidden,
    /// The server has no tool or prompt with this name, or no resource whose URI or template matches.
    Unknown,
    /// The resource has no contents for this URI: the body returned [`ToolError::not_found`](crate::ToolError::not_found), or
    /// a variable of the URI does not have its type. The response is that for a resource that does not exist.
    NotFound,
    /// The arguments violate the input schema. Each violation begins with the JSON pointer to the argument. For a completion,
    /// the operation has no such argument.
    InvalidArguments(Vec<String>),
    /// A guard denied the call, or the body did with [`Denied`](crate::Denied).
    // Not `Denied`: the compiler would then print `toolgate::Denied` in errors about guards.
    DeniedByGuard(String),
    /// The body returned an error that the model sees.
    Failed(String),
    /// The body returned an error that only the log shows.
    Masked(String),
    /// The body panicked.
    Panicked(String),
    /// The call exceeded its time limit.
    TimedOut(String),
    /// The operation's limit of concurrent calls is reached.
    Busy(String),
    /// The result is larger than `limits.max_result_bytes`.
    ResultTooLarge(String),
    /// The body asks for input from the client. The value has the requests by their keys.
    InputRequired(Value),
    /// The call continues as a task.
    TaskCreated(TestTask),
    /// The task of the call was cancelled, or ended because the access of its caller was revoked.
    Cancelled,
    /// A person has to approve the call. The text has the URL of its page.
    ApprovalRequired(String),
    /// The person did not approve the call.
    NotApproved(String),
    /// The request was rejected with 429 because it was beyond a rate. The text names the limit and the time until the next
    /// request.
    RateLimited(String),
    /// The request was rejected before the call was decided, for example because the token has expired.
    Rejected {
        /// Status of the response.
        status: u16,
        /// What the server says about it.
        message: String,
    },
}

impl<R> fmt::Display for Outcome<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allowed(_) => write!(f, "the call was allowed and returned a result"),
            Self::MissingScopes(scopes) => {
                let [missing, required] = [&scopes.missing, &scopes.required].map(|scopes| scopes.join(", "));
                write!(f, "the token lacks the scopes {missing} (the call requires {required})")
            }
            Self::Hidden => write!(f, "the operation is hidden from the caller"),
            Self::Unknown => write!(f, "the server has no such operation"),
            Self::NotFound => write!(f, "the resource was not found"),
            Self::InvalidArguments(violations) => {
                write!(f, "the arguments violate the input schema: {}", violations.join("; "))
            }
            Self::DeniedByGuard(text) => write!(f, "the call was denied: {text}"),
            Self::Failed(text) => write!(f, "the call failed: {text}"),
            Self::Masked(text) => write!(f, "the call failed with an error that only the log shows: {text}"),
            Self::Panicked(text) => write!(f, "the call panicked: {text}"),
            Self::TimedOut(text) => write!(f, "the call timed out: {text}"),
            Self::Busy(text) => write!(f, "the call was not started: {text}"),
            Self::ResultTooLarge(text) => write!(f, "the result was not sent: {text}"),
            Self::InputRequired(requests) => write!(f, "the call asks for input: {requests}"),
            Self::TaskCreated(_) => write!(f, "the call continues as a task"),
            Self::Cancelled => write!(f, "the task was cancelled"),
            Self::ApprovalRequired(text) => write!(f, "a person has to approve the call: {text}"),
            Self::NotApproved(text) => write!(f, "the call was not approved: {text}"),
            Self::RateLimited(text) => write!(f, "the request was beyond a rate: {text}"),
            Self::Rejected { status, message } => write!(f, "the request was rejected with {status}: {message}"),
        }
    }
}
