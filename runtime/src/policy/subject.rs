//! Subjects: whose access is asked for.

/// Whose access a question or a rule is about: a role of the policy, by its name, or a token with [`scopes`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    pub(super) kind: Kind,
    pub(super) org: Claim,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Role(String),
    Token { scopes: Vec<String>, org_role: Claim },
}

/// A claim of a token, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// The token may have any value, or none.
    Unknown,
    /// The token does not have the claim.
    Absent,
    /// The token has this value.
    Is(String),
}

impl Claim {
    /// Returns whether the claim is one of the allowed values. `None` if it is not known. No values are no restriction.
    pub(super) fn is_one_of(&self, allowed: &[String], equals: impl Fn(&str, &str) -> bool) -> Option<bool> {
        match self {
            _ if allowed.is_empty() => Some(true),
            Self::Unknown => None,
            Self::Absent => Some(false),
            Self::Is(value) => Some(allowed.iter().any(|allowed| equals(allowed, value))),
        }
    }
}

/// A token with these scopes, in an organization and with an organization role that are not known.
///
/// ```
/// use toolgate::policy;
///
/// let owner = policy::scopes(["payroll:read:all"]).with_org_role("Owner");
/// assert_ne!(owner, policy::scopes(["payroll:read:all"]));
/// ```
pub fn scopes<S: Into<String>>(scopes: impl IntoIterator<Item = S>) -> Subject {
    let scopes = scopes.into_iter().map(Into::into).collect();
    Subject { kind: Kind::Token { scopes, org_role: Claim::Unknown }, org: Claim::Unknown }
}

impl Subject {
    /// Sets the organization role of a token, so that restrictions by organization role are decided. It has no effect on
    /// a role, which is its own organization role.
    pub fn with_org_role(mut self, role: impl Into<String>) -> Self {
        if let Kind::Token { org_role, .. } = &mut self.kind {
            *org_role = Claim::Is(role.into());
        }
        self
    }

    /// Sets the ID of the organization that the subject acts for, so that restrictions by organization are decided. As in
    /// the gate, the case of ASCII letters has no effect.
    ///
    /// ```
    /// use toolgate::policy::{self, Access, Policy};
    ///
    /// let policy = Policy::from_lock("tool budget\n  org 5a3e1f00-0000-4000-8000-000000000001\n")?;
    /// let token = policy::scopes::<&str>([]);
    /// let member = token.clone().with_org("5A3E1F00-0000-4000-8000-000000000001");
    /// assert_eq!(policy.access(member, "budget"), Access::Allowed);
    /// assert!(!policy.access(token.clone().with_org("another"), "budget").may_allow());
    /// assert!(policy.access(token, "budget").may_allow());
    /// # Ok::<(), toolgate::policy::LockError>(())
    /// ```
    pub fn with_org(mut self, id: impl Into<String>) -> Self {
        self.org = Claim::Is(id.into());
        self
    }
}

impl From<&str> for Subject {
    fn from(role: &str) -> Self {
        Self { kind: Kind::Role(role.to_owned()), org: Claim::Unknown }
    }
}

impl From<&String> for Subject {
    fn from(role: &String) -> Self {
        Self::from(role.as_str())
    }
}
