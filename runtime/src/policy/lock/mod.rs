//! The access lock: the policy as a text file that is checked in beside the code, so that a change of access appears in
//! a review.

mod error;
mod parse;
mod word;
mod write;

use std::fmt;

use thiserror::Error;

pub use self::error::{LockError, LockProblem};
pub(super) use self::word::{write_label, write_word};
use super::{Policy, PolicyDiff};

/// First lines of a lock file.
const HEADER: &str = "\
# Access policy of this server, checked in beside its code.
# A test fails when the code and this file differ; it says how to accept a change.

";

impl Policy {
    /// Formats the policy as a lock file: one fact a line, sorted, without source locations.
    ///
    /// ```
    /// use toolgate::policy::Policy;
    ///
    /// let policy = Policy::from_lock("tool first\n  scopes a\nscope a\n")?;
    /// assert!(policy.to_lock().ends_with("scope a\n\ntool first\n  scopes a\n"));
    /// # Ok::<(), toolgate::policy::LockError>(())
    /// ```
    pub fn to_lock(&self) -> String {
        HEADER.to_owned() + &self.canonical().canonical_text()
    }

    /// Reads a lock file. The order of its sections and facts, comments and blank lines have no effect on access.
    ///
    /// ```text
    /// # A comment is a line of its own.
    /// scope employees:read:private
    ///   implies employees:read:public
    /// scope employees:read:public
    ///
    /// server
    ///   requires mcp:connect
    ///   conceals forbidden operations
    ///   deny_rules 1
    ///
    /// role "Customer Support"
    ///   employees:read:public
    ///
    /// tool ticket_update
    ///   scopes ticket:write:update
    ///   any_scope support:agent support:lead
    ///   scopes_if ticket:write:close when matches!(status, TicketStatus::Closed)
    ///   guard own_queue(caller, &ticket_id, company)
    ///   visible_to on_duty(caller)
    ///   org 5a3e1f00-0000-4000-8000-000000000001
    ///   org_role Owner
    ///   rate 30/minute
    ///   not destructive
    ///
    /// prompt quarterly_review
    ///   scopes employees:read:private
    ///
    /// resource company://employees/{employee_id}
    ///   scopes employees:read:public
    /// ```
    ///
    /// The facts of a tool, a prompt or a resource are the fields of [`OperationPolicy`](super::OperationPolicy), without the
    /// scopes that the server requires for all operations. The hints of a tool are `read_only`, `destructive`, `idempotent` and `open_world`. A name that is
    /// not one word, and a source text with line breaks, is a JSON string.
    ///
    /// # Errors
    ///
    /// The first line that cannot be read, that repeats a section, or that has a scope without a `scope` section.
    pub fn from_lock(text: &str) -> Result<Self, LockError> {
        parse::parse(text)
    }

    /// Checks that the policy is equal to that of a lock file. Roles are compared only if both have roles.
    ///
    /// ```
    /// use toolgate::policy::Policy;
    ///
    /// let policy = Policy::from_lock("scope a\n\ntool first\n  scopes a\n")?;
    /// assert!(policy.check_lock(&policy.to_lock()).is_ok());
    ///
    /// let difference = policy.check_lock("scope a\n\ntool first\n").unwrap_err();
    /// assert!(difference.to_string().contains("first: now requires a instead of any valid token"));
    /// # Ok::<(), toolgate::policy::LockError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The changes from the file to this policy, or the problem of the file.
    pub fn check_lock(&self, text: &str) -> Result<(), LockDifference> {
        let lock = Self::from_lock(text)?;
        let (old, new) = lock.comparable(self);
        if old == new { Ok(()) } else { Err(LockDifference::Changed(Self::diff(&lock, self))) }
    }
}

/// Reason why a policy is not the one of a lock file.
///
/// `Debug` prints the same text as `Display`.
#[derive(Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LockDifference {
    /// The lock file cannot be read.
    #[error("the access lock cannot be read: {0}; correct it, or replace it by the text of `Policy::to_lock`")]
    Unreadable(#[from] LockError),
    /// The policy has changed.
    #[error(
        "the access policy differs from the access lock:\n\n{0}\nTo accept these changes, replace the lock by the text of \
         `Policy::to_lock`."
    )]
    Changed(PolicyDiff),
}

impl fmt::Debug for LockDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests;
