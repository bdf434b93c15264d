//! Violations of rules.

use std::fmt;

use serde::Serialize;
use thiserror::Error;

use crate::{
    operation::parse_label,
    policy::{RuntimeCheck, access::Provided, operation_policy::verb},
};

/// Reason why a rule does not hold, or cannot be checked.
///
/// `Debug` prints the same text as `Display`, so `policy.never(..).unwrap()` prints a readable message in a test.
#[derive(Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RuleViolation {
    /// The rule does not hold.
    #[error("{0}")]
    Violated(Box<Counterexample>),
    /// The policy does not contain a scope of the rule.
    #[error("the scope `{scope}` is not in the policy: {}", advice(.similar.as_ref(), "use one of its scopes"))]
    #[non_exhaustive]
    UnknownScope {
        /// The scope.
        scope: String,
        /// A similar scope.
        similar: Option<String>,
    },
    /// The policy does not contain the role of the rule.
    #[error("the role `{role}` is not in the policy: {}", advice(.similar.as_ref(), "add it with `Policy::with_roles`"))]
    #[non_exhaustive]
    UnknownRole {
        /// Name of the role.
        role: String,
        /// A similar name.
        similar: Option<String>,
    },
    /// A pattern of the rule matches no operation, so the rule would check nothing.
    #[error("`{pattern}` matches no operation: {}", advice(.similar.as_ref(), "correct the pattern, or remove the rule"))]
    #[non_exhaustive]
    NoSuchOperation {
        /// The pattern.
        pattern: String,
        /// The label of an operation that is similar to the pattern.
        similar: Option<String>,
    },
    /// The rule is about roles, and the policy has none, so the rule would check nothing.
    #[error("the policy has no roles: add them with `Policy::with_roles`")]
    NoRoles,
    /// An operation matches both patterns of [`separate`](super::Policy::separate), so it cannot be separated.
    #[error("`{operation}` matches both `{first}` and `{second}`: use patterns without a common operation")]
    #[non_exhaustive]
    OverlappingPatterns {
        /// Label of the operation.
        operation: String,
        /// The first pattern.
        first: String,
        /// The second pattern.
        second: String,
    },
}

/// A call that violates a rule. `Display` prints a sentence, such as ``HR with `a` and `b` can call `refund_approve` ``.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Counterexample {
    /// Role of the caller, or `None` if the rule is about tokens.
    pub role: Option<String>,
    /// The smallest set of scopes that the call needs, in the order of the policy.
    pub scopes: Vec<String>,
    /// Labels of the operations that are used: two for [`separate`](super::Policy::separate), otherwise one.
    pub operations: Vec<String>,
    /// Scope that the caller does not have, for [`only`](super::Policy::only).
    pub without: Option<String>,
    /// Checks of the server that can still reject the call.
    pub because: Vec<RuntimeCheck>,
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scopes = quoted(&self.scopes);
        match (&self.role, self.scopes.is_empty()) {
            (Some(role), false) => write!(f, "{role} with {scopes}")?,
            (Some(role), true) => write!(f, "{role} without any scope")?,
            (None, false) => write!(f, "a token with {scopes}")?,
            (None, true) => f.write_str("any valid token")?,
        }
        write!(f, " can {} ", verb(self.operations.iter().map(|label| parse_label(label).0)))?;
        if self.operations.len() > 1 {
            f.write_str("both ")?;
        }
        f.write_str(&quoted(&self.operations))?;
        if let Some(scope) = &self.without {
            write!(f, " without `{scope}`")?;
        }
        Provided(&self.because).fmt(f)
    }
}

impl fmt::Debug for RuleViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and ")
}

fn advice(similar: Option<&String>, otherwise: &str) -> String {
    similar.map_or_else(|| otherwise.to_owned(), |similar| format!("did you mean `{similar}`?"))
}
