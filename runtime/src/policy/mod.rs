//! The access policy of a server as data: which scopes, guards and conditions each tool, prompt and resource requires,
//! and which roles can use it.
//!
//! A [`Policy`] is a value without functions. It prints as a table, serializes to JSON, answers [`Policy::access`] for a
//! role or a set of scopes, and is written to a lock file whose changes are reviewed ([`Policy::to_lock`]).
//!
//! An operation is named by its [label](OperationPolicy::label): `payroll_summary` is a tool, `prompt quarterly_review` a
//! prompt, and `company://policies/handbook` a resource.
//!
//! [`Policy::replay`] decides the calls of an audit log again, and reports for whom the policy would change them.
//!
//! It is evaluated by the code that decides requests, so a hierarchy of scopes has the same effect in both. What only a
//! running server can tell, such as the outcome of a guard, is reported as [`Access::MayAllow`].
//!
//! ```
//! use toolgate::policy::{Access, Policy};
//!
//! let policy = Policy::from_lock(
//!     "
//! scope employees:read:private
//!   implies employees:read:public
//! scope employees:read:public
//!
//! role HR
//!   employees:read:private
//!
//! tool employee_search
//!   scopes employees:read:public
//! ",
//! )?;
//! assert_eq!(policy.access("HR", "employee_search"), Access::Allowed);
//! # Ok::<(), toolgate::policy::LockError>(())
//! ```

mod access;
mod access_matrix;
mod canonical;
mod declared;
mod diff;
mod evaluator;
mod explanation;
mod fingerprint;
mod lock;
mod operation_policy;
mod replay;
mod role;
mod rules;
mod subject;
mod table;
mod text_table;

use serde::{Deserialize, Serialize};

use crate::operation::parse_label;

pub(crate) use self::evaluator::is_same_organization;
use self::evaluator::{EvaluatedOperation, Evaluator};
pub use self::{
    access::{Access, RuntimeCheck},
    access_matrix::{AccessMatrix, AccessMatrixRow, Mark},
    diff::{PolicyChange, PolicyDiff},
    explanation::{ExplainedDecision, ExplainedRule, Explanation, RuleEffect},
    lock::{LockDifference, LockError, LockProblem},
    operation_policy::{ConditionalScopes, OperationPolicy},
    replay::{Replay, ReplayChange, ReplayEffect, UndecidedCalls, UndecidedReason},
    role::{Role, RolesError},
    rules::{Counterexample, RuleViolation},
    subject::{Subject, scopes},
};

/// The access policy of a server. See the [module documentation](self).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Policy {
    /// Every scope of the server's lists, in their order.
    pub scopes: Vec<String>,
    /// Hierarchy of the scopes.
    pub hierarchy: Vec<Implication>,
    /// Rules for all operations.
    pub server: ServerRules,
    /// Roles and the scopes that they can get from the authorization server. Empty if they are not known.
    pub roles: Vec<Role>,
    /// The operations: tools, then prompts, then resources, each sorted by name.
    pub operations: Vec<OperationPolicy>,
}

/// Rule of the hierarchy: a token with `scope` also grants the scopes in `implies`, and those that they imply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Implication {
    /// Scope of the token.
    pub scope: String,
    /// Scopes that it also grants.
    pub implies: Vec<String>,
}

/// Rules of a server for all of its tools, prompts and resources.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ServerRules {
    /// Scopes that every operation requires. [`OperationPolicy::scopes`] contains them, too.
    pub required_scopes: Vec<String>,
    /// Whether an operation that the caller lacks scopes for is reported as unknown.
    pub conceal_forbidden: bool,
    /// Number of `Server::deny` rules, which can disable operations at run time.
    pub switches: usize,
}

impl Policy {
    /// Returns the policy of the operation with this [label](OperationPolicy::label).
    ///
    /// ```
    /// use toolgate::{OperationKind, policy::Policy};
    ///
    /// let policy = Policy::from_lock("tool review\n\nprompt review\n\nresource company://handbook\n")?;
    /// let kind = |label| policy.operation(label).map(|operation| operation.kind);
    /// assert_eq!(kind("review"), Some(OperationKind::Tool));
    /// assert_eq!(kind("prompt review"), Some(OperationKind::Prompt));
    /// assert_eq!(kind("company://handbook"), Some(OperationKind::Resource));
    /// # Ok::<(), toolgate::policy::LockError>(())
    /// ```
    pub fn operation(&self, label: &str) -> Option<&OperationPolicy> {
        let (kind, name) = parse_label(label);
        let named = self.operations.iter().find(|operation| operation.is(kind, name));
        // The name of a tool of a mounted server can look like a URI.
        named.or_else(|| self.operations.iter().find(|operation| operation.label() == label))
    }

    /// Returns the policy of the operation with this label, or of the resource whose template matches this URI.
    #[cfg(feature = "cli")]
    pub(crate) fn find(&self, label: &str) -> Option<&OperationPolicy> {
        Evaluator::new(self).find(label).map(EvaluatedOperation::policy)
    }

    /// Returns the label of the operation that is most similar to a text.
    #[cfg(feature = "cli")]
    pub(crate) fn similar_operation(&self, label: &str) -> Option<String> {
        let labels: Vec<String> = self.operations.iter().map(|operation| operation.label().into_owned()).collect();
        role::similar(label, &labels)
    }

    /// Returns the role with this name.
    pub fn role(&self, name: &str) -> Option<&Role> {
        self.roles.iter().find(|role| role.name == name)
    }

    /// Returns the operations that a token with these scopes may use, including those that a guard, a visibility rule or a
    /// condition can still reject. Scopes that the policy does not contain grant nothing.
    ///
    /// ```
    /// use toolgate::policy::Policy;
    ///
    /// let policy = Policy::from_lock("scope a\nscope b\n\ntool first\n  scopes a\n\ntool second\n  scopes b\n")?;
    /// let open: Vec<&str> = policy.open_to(["a"]).iter().map(|tool| tool.name.as_str()).collect();
    /// assert_eq!(open, ["first"]);
    /// # Ok::<(), toolgate::policy::LockError>(())
    /// ```
    pub fn open_to<S: AsRef<str>>(&self, scopes: impl IntoIterator<Item = S>) -> Vec<&OperationPolicy> {
        let subject = subject::scopes(scopes.into_iter().map(|scope| scope.as_ref().to_owned()));
        let evaluator = Evaluator::new(self);
        // A subject without a role name is always known.
        let Ok(holder) = evaluator.holder(&subject) else { return Vec::new() };
        evaluator
            .operations()
            .filter(|operation| operation.access(&holder).may_allow())
            .map(EvaluatedOperation::policy)
            .collect()
    }

    /// Returns whether a role, or a token with a set of scopes, may use an operation: a tool, a prompt or a resource by its
    /// [label](OperationPolicy::label), or a resource by a URI that its template matches.
    ///
    /// A role's token is assumed to have all scopes of the role, and the name of the role as its organization role.
    ///
    /// ```
    /// use toolgate::policy::{self, Access, Policy};
    ///
    /// let policy = Policy::from_lock(
    ///     "scope ticket:read\n\nrole Support\n  ticket:read\n\ntool ticket_get\n  scopes ticket:read\n  guard own_ticket(caller)\n",
    /// )?;
    /// let access = policy.access("Support", "ticket_get");
    /// assert!(access.may_allow() && !access.is_allowed());
    /// assert_eq!(access.to_string(), "may be allowed, if the guard `own_ticket(caller)` allows");
    ///
    /// let access = policy.access(policy::scopes(["ticket:write"]), "ticket_get");
    /// assert_eq!(access.to_string(), "missing scopes: ticket:read");
    /// # Ok::<(), toolgate::policy::LockError>(())
    /// ```
    pub fn access(&self, subject: impl Into<Subject>, operation: &str) -> Access {
        let evaluator = Evaluator::new(self);
        match (evaluator.holder(&subject.into()), evaluator.find(operation)) {
            (Err(_), _) => Access::UnknownRole,
            (_, None) => Access::Unknown,
            (Ok(holder), Some(operation)) => operation.access(&holder),
        }
    }

    /// Returns which role may use which operation.
    pub fn access_matrix(&self) -> AccessMatrix {
        AccessMatrix::new(self)
    }

    /// Replaces the roles.
    ///
    /// # Errors
    ///
    /// If a role has a scope that the policy does not contain, or if a role, or a scope of a role, occurs twice.
    pub fn with_roles(mut self, roles: Vec<Role>) -> Result<Self, RolesError> {
        role::check(&roles, &self.scopes)?;
        self.roles = roles;
        Ok(self)
    }
}

#[cfg(test)]
pub(crate) mod fixtures;
#[cfg(test)]
mod tests;
