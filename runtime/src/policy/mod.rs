//! The access policy of a server as data: which scopes, guards and conditions each tool requires, and which roles can
//! call it.
//!
//! A [`Policy`] is a value without functions. It prints as a table, serializes to JSON, answers [`Policy::access`] for a
//! role or a set of scopes, and is written to a lock file whose changes are reviewed ([`Policy::to_lock`]).
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

pub(crate) use self::evaluator::is_same_organization;
use self::evaluator::{EvaluatedTool, Evaluator};
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
    /// Rules for all tools.
    pub server: ServerRules,
    /// Roles and the scopes that they can get from the authorization server. Empty if they are not known.
    pub roles: Vec<Role>,
    /// The tools, sorted by name.
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

/// Rules of a server for all of its tools.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ServerRules {
    /// Scopes that every tool requires. [`OperationPolicy::scopes`] contains them, too.
    pub required_scopes: Vec<String>,
    /// Whether a tool that the caller lacks scopes for is reported as unknown.
    pub conceal_forbidden: bool,
    /// Number of `Server::deny` rules, which can disable tools at run time.
    pub switches: usize,
}

impl Policy {
    /// Returns the policy of the tool with this name.
    pub fn tool(&self, name: &str) -> Option<&OperationPolicy> {
        self.operations.iter().find(|tool| tool.name == name)
    }

    /// Returns the role with this name.
    pub fn role(&self, name: &str) -> Option<&Role> {
        self.roles.iter().find(|role| role.name == name)
    }

    /// Returns the tools that a token with these scopes may call, including those that a guard, a visibility rule or a
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
        evaluator.tools().filter(|tool| tool.access(&holder).may_allow()).map(EvaluatedTool::policy).collect()
    }

    /// Returns whether a role, or a token with a set of scopes, may call a tool.
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
    pub fn access(&self, subject: impl Into<Subject>, tool: &str) -> Access {
        let evaluator = Evaluator::new(self);
        match (evaluator.holder(&subject.into()), evaluator.tool(tool)) {
            (Err(_), _) => Access::UnknownRole,
            (_, None) => Access::Unknown,
            (Ok(holder), Some(tool)) => tool.access(&holder),
        }
    }

    /// Returns which role may call which tool.
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
