//! Differences between two policies, in terms of access.

mod exceeds;
mod operations;
mod roles;
mod rules;

use std::fmt;

use serde::Serialize;

use super::Policy;

/// Changes from one policy to another. `Display` prints one sentence a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct PolicyDiff {
    changes: Vec<PolicyChange>,
}

/// A change of a policy. `Display` prints a sentence, such as `Support gains payroll_summary`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PolicyChange {
    /// The change as a sentence.
    pub sentence: String,
    /// Whether a caller may gain access by it.
    pub widens_access: bool,
}

impl Policy {
    /// Returns the changes from `self`, the old policy, to `new`.
    ///
    /// If both have roles, it says which roles gain and lose which operations. Source locations and orders without effect are
    /// not compared.
    ///
    /// ```
    /// use toolgate::policy::Policy;
    ///
    /// let roles = "scope a\n\nrole Support\n\nrole HR\n  a\n";
    /// let old = Policy::from_lock(&format!("{roles}\ntool payroll_summary\n  scopes a\n"))?;
    /// let new = Policy::from_lock(&format!("{roles}\ntool payroll_summary\n"))?;
    /// let diff = Policy::diff(&old, &new);
    /// assert_eq!(
    ///     diff.to_string(),
    ///     "Support gains payroll_summary\npayroll_summary: now requires any valid token instead of a\n"
    /// );
    /// assert!(diff.widens_access());
    /// # Ok::<(), toolgate::policy::LockError>(())
    /// ```
    pub fn diff(&self, new: &Self) -> PolicyDiff {
        let (old, new) = self.comparable(new);
        let mut changes = Vec::new();
        roles::compare(&old, &new, &mut changes);
        operations::compare(&old, &new, &mut changes);
        rules::compare(&old, &new, &mut changes);
        PolicyDiff { changes }
    }
}

impl PolicyDiff {
    /// Returns the changes.
    pub fn changes(&self) -> &[PolicyChange] {
        &self.changes
    }

    /// Returns whether the policies are equal.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Returns whether a caller may gain access: a call that the old policy rejects and the new one may allow, or scopes
    /// that a role can get in addition. A higher rate counts, too. Changes of guards, conditions and visibility functions are compared as text.
    pub fn widens_access(&self) -> bool {
        self.changes.iter().any(|change| change.widens_access)
    }
}

impl PolicyChange {
    fn widening(sentence: String) -> Self {
        Self { sentence, widens_access: true }
    }

    fn narrowing(sentence: String) -> Self {
        Self { sentence, widens_access: false }
    }
}

impl fmt::Display for PolicyDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.changes.iter().try_for_each(|change| writeln!(f, "{change}"))
    }
}

impl fmt::Display for PolicyChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

/// Formats names as `a, b and c`.
fn list<S: AsRef<str>>(names: &[S]) -> String {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    match names.as_slice() {
        [] => String::new(),
        [name] => (*name).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Returns the entries of `new` that are not in `old`.
fn added<'a>(old: &[String], new: &'a [String]) -> Vec<&'a str> {
    new.iter().filter(|text| !old.contains(text)).map(String::as_str).collect()
}

#[cfg(test)]
mod tests;
