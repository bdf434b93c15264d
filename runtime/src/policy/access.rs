//! Access of a subject to an operation.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Whether a subject may call a tool, get a prompt or read a resource. `Display` prints a phrase, such as `missing scopes: payroll:read:all`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "access")]
#[non_exhaustive]
pub enum Access {
    /// Every call is allowed.
    Allowed,
    /// A call is allowed if the server's own checks allow it.
    MayAllow {
        /// The checks that decide.
        because: Vec<RuntimeCheck>,
    },
    /// The scopes do not meet the requirement.
    #[non_exhaustive]
    MissingScopes {
        /// Required scopes that the subject does not have.
        missing: Vec<String>,
        /// Every scope that the call requires, including those that the subject has.
        required: Vec<String>,
    },
    /// The subject's organization or organization role cannot see the operation.
    #[non_exhaustive]
    Hidden {
        /// Organizations in which it is visible. Empty if the subject's organization is no reason.
        orgs: Vec<String>,
        /// Organization roles that can see it. Empty if the subject's role is no reason.
        org_roles: Vec<String>,
    },
    /// The policy has no such operation.
    Unknown,
    /// The policy has no role with this name.
    UnknownRole,
}

/// A check that only a running server can decide. `Display` prints what must hold, such as ``the guard `own_ticket(..)`
/// allows``.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RuntimeCheck {
    /// A guard, as source text.
    Guard(String),
    /// A condition on the arguments, and the scopes that the subject does not have and a call requires if it is true.
    #[non_exhaustive]
    Condition {
        /// The condition, as source text.
        condition: String,
        /// Scopes that the subject would need.
        missing: Vec<String>,
    },
    /// A visibility function, as source text.
    VisibleTo(String),
    /// The caller must act for one of these organizations, and the subject's organization is not known.
    Org(Vec<String>),
    /// The caller must have one of these organization roles, and the subject's role is not known.
    OrgRole(Vec<String>),
    /// Number of `Server::deny` rules, each of which can disable the operation.
    Switches(usize),
}

impl Access {
    /// Returns whether every call is allowed.
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed)
    }

    /// Returns whether a call can be allowed: always, or subject to the server's own checks.
    pub fn may_allow(&self) -> bool {
        matches!(self, Self::Allowed | Self::MayAllow { .. })
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allowed => f.write_str("allowed"),
            Self::MayAllow { because } => write!(f, "may be allowed{}", Provided(because)),
            Self::MissingScopes { missing, .. } => write!(f, "missing scopes: {}", missing.join(", ")),
            Self::Hidden { orgs, org_roles } => {
                f.write_str("hidden: visible")?;
                if !org_roles.is_empty() {
                    write!(f, " to the org role {}", org_roles.join(" or "))?;
                }
                if !orgs.is_empty() {
                    write!(f, " in the organization {}", orgs.join(" or "))?;
                }
                Ok(())
            }
            Self::Unknown => f.write_str("unknown operation"),
            Self::UnknownRole => f.write_str("unknown role"),
        }
    }
}

impl fmt::Display for RuntimeCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Guard(guard) => write!(f, "the guard `{guard}` allows"),
            Self::Condition { condition, missing } => {
                write!(f, "`{condition}` is false (otherwise it also requires {})", missing.join(" and "))
            }
            Self::VisibleTo(function) => write!(f, "`{function}` makes it visible"),
            Self::Org(ids) => write!(f, "the organization is {}", ids.join(" or ")),
            Self::OrgRole(roles) => write!(f, "the org role is {}", roles.join(" or ")),
            Self::Switches(1) => f.write_str("the `Server::deny` rule does not disable it"),
            Self::Switches(count) => write!(f, "none of the {count} `Server::deny` rules disables it"),
        }
    }
}

/// Formats `, if x and y`, or nothing if there are no checks.
pub(super) struct Provided<'a>(pub(super) &'a [RuntimeCheck]);

impl fmt::Display for Provided<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, check) in self.0.iter().enumerate() {
            write!(f, "{}{check}", if i == 0 { ", if " } else { " and " })?;
        }
        Ok(())
    }
}
