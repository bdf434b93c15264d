//! Subjects: whose access is asked for.

/// Whose access a question or a rule is about: a role of the policy, by its name, or a token with [`scopes`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject(pub(super) Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Role(String),
    Token { scopes: Vec<String>, org_role: Option<String> },
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
    Subject(Kind::Token { scopes: scopes.into_iter().map(Into::into).collect(), org_role: None })
}

impl Subject {
    /// Sets the organization role of a token, so that restrictions by organization role are decided. It has no effect on
    /// a role, which is its own organization role.
    pub fn with_org_role(mut self, role: impl Into<String>) -> Self {
        if let Kind::Token { org_role, .. } = &mut self.0 {
            *org_role = Some(role.into());
        }
        self
    }
}

impl From<&str> for Subject {
    fn from(role: &str) -> Self {
        Self(Kind::Role(role.to_owned()))
    }
}

impl From<&String> for Subject {
    fn from(role: &String) -> Self {
        Self::from(role.as_str())
    }
}
