//! The outcome of a call, with assertions about it.

use std::{collections::BTreeSet, fmt};

#[cfg(feature = "approvals")]
use super::PendingApproval;
use super::{Outcome, TestTask, ToolResult, classify::Mismatch, response::Response};
use crate::{operation::OperationKind, scope::MissingScopes};

/// Outcome of a call; created by [`TestCaller::call`](super::TestCaller::call), [`prompt`](super::TestCaller::prompt),
/// [`resource`](super::TestCaller::resource) and the other methods that send a request. `R` is the result if the call was
/// allowed.
///
/// Each method asserts one outcome and returns what belongs to it. Its panic message says what was expected, what
/// happened instead, who called, and what the server responded.
///
/// ```
/// # use toolgate::{auth::Claims, prelude::*, testing::TestServer};
/// # pub static SCOPES: Scopes = Scopes::new(&["tickets:read"]);
/// # /// Read a ticket.
/// # #[tool(scopes = "tickets:read", read_only)]
/// # async fn ticket(ticket_id: u32) -> String {
/// #     format!("ticket {ticket_id} is open")
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), toolgate::BuildError> {
/// let server = TestServer::new(Server::new("tickets", &SCOPES))?;
/// let support = server.with_scopes(["tickets:read"]);
/// assert_eq!(support.call("ticket", json!({ "ticket_id": 7 })).await.allowed().text(), "ticket 7 is open");
/// assert_eq!(support.call("ticket", json!({})).await.invalid_arguments().len(), 1);
/// server.as_caller(Claims::new()).call("ticket", json!({})).await.missing_scopes(["tickets:read"]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a call without an assertion tests nothing: call a method such as `allowed`"]
pub struct CallOutcome<R = ToolResult> {
    pub(super) kind: OperationKind,
    /// Description of the request, in one line.
    pub(super) request: String,
    /// Description of the caller.
    pub(super) caller: String,
    pub(super) outcome: Result<Outcome<R>, Mismatch>,
    pub(super) response: Response,
    /// Names, URIs and templates of all operations of this kind.
    pub(super) known: Vec<&'static str>,
    /// The approval that the call requires.
    #[cfg(feature = "approvals")]
    pub(super) approval: Option<PendingApproval>,
}

impl<R> CallOutcome<R> {
    /// Asserts that the body returned a result that is not an error, and returns the result.
    ///
    /// # Panics
    ///
    /// If the call ended otherwise.
    #[track_caller]
    pub fn allowed(&self) -> R
    where
        R: Clone,
    {
        match self.outcome() {
            Outcome::Allowed(result) => result.clone(),
            _ => self.unexpected("the call to be allowed"),
        }
    }

    /// Asserts that the response is 403 with a challenge because the token lacks exactly these scopes, in any order.
    /// Returns them together with all required scopes, which the challenge names. Of the alternatives in `any_scope`, a
    /// challenge requires one.
    ///
    /// # Panics
    ///
    /// If the call ended otherwise, or other scopes are missing.
    #[track_caller]
    pub fn missing_scopes(&self, scopes: impl IntoIterator<Item = impl Into<String>>) -> MissingScopes {
        let expected: BTreeSet<String> = scopes.into_iter().map(Into::into).collect();
        match self.outcome() {
            Outcome::MissingScopes(scopes) if expected.iter().eq(&BTreeSet::from_iter(scopes.missing.clone())) => {
                scopes.clone()
            }
            _ => {
                let scopes = Vec::from_iter(expected).join(", ");
                self.unexpected(&format!("a challenge because the token lacks the scopes {scopes}"))
            }
        }
    }

    /// Asserts that the operation exists and that the response is, byte for byte, that for one that does not exist: it is
    /// hidden by `visible_to`, disabled by [`Server::deny`](crate::Server::deny), or concealed by
    /// [`Server::conceal_forbidden`](crate::Server::conceal_forbidden).
    ///
    /// # Panics
    ///
    /// If the call ended otherwise, also if the server has no such operation, because the test then has a
    /// misspelled name.
    #[track_caller]
    pub fn hidden(&self) {
        if !matches!(self.outcome(), Outcome::Hidden) {
            self.unexpected(&format!("the {} to be hidden from the caller", self.kind));
        }
    }

    /// Asserts that a resource has no contents for this URI: the body returned
    /// [`ToolError::not_found`](crate::ToolError::not_found), or a variable of the URI does not have its type. The response
    /// is that for a resource that does not exist.
    ///
    /// # Panics
    ///
    /// If the call ended otherwise, also if no resource has this URI and no template matches it.
    #[track_caller]
    pub fn not_found(&self) {
        if !matches!(self.outcome(), Outcome::NotFound) {
            self.unexpected("the resource not to be found");
        }
    }

    /// Asserts that a guard denied the call, or the body with [`Denied`](crate::Denied). Returns the text
    /// that the model sees, `not allowed: ..`.
    ///
    /// # Panics
    ///
    /// If the call ended otherwise.
    #[track_caller]
    pub fn denied(&self) -> String {
        match self.outcome() {
            Outcome::DeniedByGuard(text) => text.clone(),
            _ => self.unexpected("a guard to deny the call"),
        }
    }

    /// Asserts that the arguments of a tool or a prompt violate its schema, and returns every violation. Each begins with the JSON
    /// pointer to the argument, such as `/ticket_id: ..`, or with `(arguments)`. For a completion, asserts that the
    /// operation has no such argument.
    ///
    /// # Panics
    ///
    /// If the call ended otherwise.
    #[track_caller]
    pub fn invalid_arguments(&self) -> Vec<String> {
        match self.outcome() {
            Outcome::InvalidArguments(violations) => violations.clone(),
            _ => self.unexpected("the arguments to violate the input schema"),
        }
    }

    /// Asserts that the body returned an error for the model, such as [`ToolError::new`](crate::ToolError::new), and
    /// returns its text.
    ///
    /// # Panics
    ///
    /// If the call ended otherwise.
    #[track_caller]
    pub fn failed(&self) -> String {
        match self.outcome() {
            Outcome::Failed(text) => text.clone(),
            _ => self.unexpected("the body to fail with an error that the model sees"),
        }
    }

    /// Asserts that the body returned an error that only the log shows, and that the response has nothing but a
    /// reference to the log.
    ///
    /// # Panics
    ///
    /// If the call ended otherwise, also if the body panicked.
    #[track_caller]
    pub fn masked(&self) {
        if !matches!(self.outcome(), Outcome::Masked(_)) {
            self.unexpected("the body to fail with an error that only the log shows");
        }
    }

    /// Asserts that the response is 429 because the request was beyond a rate: of the caller, of its role, or of the operation.
    /// Returns the text, which names the limit: `too many requests for payroll_summary: a caller may send 30 per minute; ..`.
    /// [`TestServer::advance_rates`](super::TestServer::advance_rates) lets the quota refill.
    ///
    /// # Panics
    ///
    /// If the call ended otherwise.
    #[track_caller]
    pub fn rate_limited(&self) -> String {
        match self.outcome() {
            Outcome::RateLimited(text) => text.clone(),
            _ => self.unexpected("the request to be beyond a rate"),
        }
    }

    /// Returns how the call ended.
    ///
    /// # Panics
    ///
    /// If the response is not the one that is specified for this outcome, which would be a bug of toolgate.
    #[track_caller]
    pub fn outcome(&self) -> &Outcome<R> {
        match &self.outcome {
            Ok(outcome) => outcome,
            Err(mismatch) => panic!("{mismatch}\n{self:?}"),
        }
    }

    #[track_caller]
    fn unexpected(&self, expected: &str) -> ! {
        match self.outcome() {
            outcome @ Outcome::Unknown => {
                panic!("expected {expected}, but {outcome}\n{self:?}\n  {}s: {}", self.kind, self.known.join(", "))
            }
            outcome => panic!("expected {expected}, but {outcome}\n{self:?}"),
        }
    }
}

impl CallOutcome {
    /// Asserts that the call continues as a task, and returns the task.
    ///
    /// # Panics
    ///
    /// If the call ended otherwise, also if it returned a result because the tool has no `task`.
    #[track_caller]
    pub fn task_created(&self) -> TestTask {
        match self.outcome() {
            Outcome::TaskCreated(task) => task.clone(),
            _ => self.unexpected("the call to continue as a task"),
        }
    }

    /// Asserts that the task was [cancelled](TestTask::cancel), or ended because the access of its caller was revoked.
    ///
    /// # Panics
    ///
    /// If the call ended otherwise.
    #[track_caller]
    pub fn cancelled(&self) {
        if !matches!(self.outcome(), Outcome::Cancelled) {
            self.unexpected("the task to be cancelled");
        }
    }

    /// Asserts that a person has to approve the call, and returns the approval, which the test can
    /// [give](PendingApproval::approve) or [decline](PendingApproval::decline).
    ///
    /// # Panics
    ///
    /// If the call ended otherwise.
    #[cfg(feature = "approvals")]
    #[track_caller]
    pub fn approval_required(&self) -> PendingApproval {
        match (self.outcome(), &self.approval) {
            (Outcome::ApprovalRequired(_), Some(approval)) => approval.clone(),
            _ => self.unexpected("a person to have to approve the call"),
        }
    }

    /// Asserts that the call was not approved: the person declined it, or the token acts for no user. Returns
    /// the text that the model sees, `not approved: ..`.
    ///
    /// # Panics
    ///
    /// If the call ended otherwise.
    #[cfg(feature = "approvals")]
    #[track_caller]
    pub fn not_approved(&self) -> String {
        match self.outcome() {
            Outcome::NotApproved(text) => text.clone(),
            _ => self.unexpected("the call not to be approved"),
        }
    }
}

/// The request, its caller and the response, one on each line.
impl<R> fmt::Debug for CallOutcome<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  {}\n  caller: {}\n  response: {}", self.request, self.caller, self.response)
    }
}
