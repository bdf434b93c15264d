//! The access matrix: which role may use which operation.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    Access, Policy, RuntimeCheck, Subject,
    evaluator::Evaluator,
    text_table::{TextTable, code},
};

/// Which role may call which tool, get which prompt and read which resource. `Display` prints a table with a row for each
/// operation and a column for each role.
///
/// ```
/// use toolgate::policy::Policy;
///
/// let policy = Policy::from_lock("scope a\n\nrole HR\n  a\n\nrole IT\n\ntool first\n  scopes a\n\ntool second\n")?;
/// assert_eq!(policy.access_matrix().to_string(), "operation  HR  IT\nfirst      x\nsecond     x   x\n");
/// # Ok::<(), toolgate::policy::LockError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AccessMatrix {
    /// Names of the roles, in the order of the policy.
    pub roles: Vec<String>,
    /// The operations, in the order of the policy.
    pub operations: Vec<AccessMatrixRow>,
}

/// Row of an [`AccessMatrix`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AccessMatrixRow {
    /// The operation, as [`OperationPolicy::label`](super::OperationPolicy::label) names it.
    pub operation: String,
    /// One mark for each role, in the order of [`AccessMatrix::roles`].
    pub marks: Vec<Mark>,
}

/// Access of a role to an operation in an [`AccessMatrix`], without regard to `Server::deny` rules, which apply to all cells
/// alike. `Display` prints `x`, `(x)`, or nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Mark {
    /// Every call is allowed: `x`.
    Allowed,
    /// Calls are allowed if the server's own checks allow them: `(x)`.
    MayAllow,
    /// No call is allowed: blank.
    Rejected,
}

impl AccessMatrix {
    pub(super) fn new(policy: &Policy) -> Self {
        let evaluator = Evaluator::new(policy);
        let holders: Vec<_> =
            policy.roles.iter().filter_map(|role| evaluator.holder(&Subject::from(&role.name)).ok()).collect();
        let operations = evaluator
            .operations()
            .map(|operation| AccessMatrixRow {
                operation: operation.policy().label().into_owned(),
                marks: holders.iter().map(|holder| Mark::new(&operation.access(holder))).collect(),
            })
            .collect();
        Self { roles: policy.roles.iter().map(|role| role.name.clone()).collect(), operations }
    }

    /// Formats the matrix as a Markdown table.
    pub fn to_markdown(&self) -> String {
        self.table(&code).to_markdown()
    }

    fn table(&self, quote: &dyn Fn(&str) -> String) -> TextTable {
        let row = |row: &AccessMatrixRow| {
            std::iter::once(quote(&row.operation)).chain(row.marks.iter().map(Mark::to_string)).collect()
        };
        TextTable {
            header: std::iter::once("operation".to_owned()).chain(self.roles.iter().cloned()).collect(),
            rows: self.operations.iter().map(row).collect(),
        }
    }
}

impl Mark {
    fn new(access: &Access) -> Self {
        match access {
            Access::Allowed => Self::Allowed,
            Access::MayAllow { because } => {
                let is_switch = |check: &RuntimeCheck| matches!(check, RuntimeCheck::Switches(_));
                if because.iter().all(is_switch) { Self::Allowed } else { Self::MayAllow }
            }
            _ => Self::Rejected,
        }
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allowed => "x",
            Self::MayAllow => "(x)",
            Self::Rejected => "",
        })
    }
}

impl fmt::Display for AccessMatrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.table(&str::to_owned).fmt(f)
    }
}
