//! Rules about every token: operations that no token may use, and operations that no role may use together.
//!
//! They are decided exactly. An operation that is allowed with some scopes is allowed with more, so it is enough to evaluate
//! the largest set of scopes that a rule is about.

mod pattern;
mod smallest_set;
mod violation;

use self::smallest_set::smallest_set;
pub use self::violation::{Counterexample, RuleViolation};
use super::{
    Access, Policy, RuntimeCheck, Subject,
    evaluator::{EvaluatedOperation, Evaluator, Holder},
    role::similar,
    subject::{Claim, Kind},
};

impl Policy {
    /// Checks that the subject may use no operation whose [label](super::OperationPolicy::label) matches `operations`, with any
    /// subset of its scopes. `*` in a pattern matches any text: `payroll_*` matches tools, `prompt *` every prompt,
    /// `company://payroll/*` resources, and `*` every operation. A pattern with a colon also matches each template that can
    /// match one of its URIs.
    ///
    /// ```
    /// use toolgate::policy::Policy;
    ///
    /// let policy = Policy::from_lock(
    ///     "scope payroll:read:all\n\nrole HR\n  payroll:read:all\n\ntool payroll_summary\n  scopes payroll:read:all\n",
    /// )?;
    /// let violation = policy.never("HR", "payroll_*").unwrap_err();
    /// assert_eq!(violation.to_string(), "HR with `payroll:read:all` can call `payroll_summary`");
    /// # Ok::<(), toolgate::policy::LockError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A call that the subject may make, with the smallest set of scopes that it needs. An operation with guards,
    /// conditions or visibility rules counts as allowed, except if a known organization or organization role excludes the subject.
    /// It is also an error if the pattern matches no operation, or if the role or a scope is unknown.
    pub fn never(&self, subject: impl Into<Subject>, operations: &str) -> Result<(), RuleViolation> {
        let subject = subject.into();
        let evaluator = Evaluator::new(self);
        let holder = self.known_holder(&evaluator, &subject)?;
        let scopes = match &subject.kind {
            Kind::Role(name) => self.role(name).map_or(&[][..], |role| &role.scopes),
            Kind::Token { scopes, .. } => scopes,
        };
        let search = Search { evaluator: &evaluator, scopes: bits(&evaluator, scopes), holder };
        let matching = matching(&evaluator, operations)?;
        smallest(matching.iter().filter_map(|&operation| search.smallest_call(&[operation]))).map_or(Ok(()), |call| {
            let role = match subject.kind {
                Kind::Role(name) => Some(name),
                Kind::Token { .. } => None,
            };
            Err(call.violation(&search, role, None))
        })
    }

    /// Checks that every token that may use an operation whose [label](super::OperationPolicy::label) matches `operations` has
    /// `scope`, directly or by the hierarchy. `*` in a pattern matches any text.
    ///
    /// ```
    /// use toolgate::policy::Policy;
    ///
    /// let policy = Policy::from_lock(
    ///     "scope payroll:read:all\nscope report:read\n\ntool payroll_summary\n  any_scope payroll:read:all report:read\n",
    /// )?;
    /// let violation = policy.only("payroll:read:all", "payroll_*").unwrap_err();
    /// assert_eq!(
    ///     violation.to_string(),
    ///     "a token with `report:read` can call `payroll_summary` without `payroll:read:all`"
    /// );
    /// # Ok::<(), toolgate::policy::LockError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A call that a token without the scope may make, with the smallest set of scopes. It is also an error if the
    /// pattern matches no operation, or if the scope is unknown.
    pub fn only(&self, scope: &str, operations: &str) -> Result<(), RuleViolation> {
        self.check_scope(scope)?;
        let evaluator = Evaluator::new(self);
        let matching = matching(&evaluator, operations)?;
        let index = evaluator.index();
        let grants_scope = |name: &str| index.bit(scope).is_some_and(|bit| index.expand([name]).contains(bit));
        let without: Vec<usize> =
            index.names().iter().enumerate().filter(|(_, name)| !grants_scope(name)).map(|(bit, _)| bit).collect();
        let granted = index.expand(without.iter().map(|&bit| index.names()[bit]));
        let holder = Holder { granted, org: Claim::Unknown, org_role: Claim::Unknown };
        let search = Search { evaluator: &evaluator, scopes: without, holder };
        smallest(matching.iter().filter_map(|&operation| search.smallest_call(&[operation])))
            .map_or(Ok(()), |call| Err(call.violation(&search, None, Some(scope.to_owned()))))
    }

    /// Checks that no role may use both an operation whose [label](super::OperationPolicy::label) matches `first` and one whose
    /// label matches `second`, with any subset of its scopes. `*` in a pattern matches any text.
    ///
    /// ```
    /// use toolgate::policy::Policy;
    ///
    /// let policy = Policy::from_lock(
    ///     "scope ask\nscope approve\n\nrole Clerk\n  ask\n\nrole Lead\n  ask\n  approve\n\n\
    ///      tool refund_approve\n  scopes approve\n\ntool refund_request\n  scopes ask\n",
    /// )?;
    /// let violation = policy.separate("refund_request", "refund_approve").unwrap_err();
    /// assert_eq!(
    ///     violation.to_string(),
    ///     "Lead with `ask` and `approve` can call both `refund_request` and `refund_approve`"
    /// );
    /// # Ok::<(), toolgate::policy::LockError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The role that may make both calls with the smallest set of scopes. It is also an error if the policy has no
    /// roles, if a pattern matches no operation, or if an operation matches both patterns.
    pub fn separate(&self, first: &str, second: &str) -> Result<(), RuleViolation> {
        if self.roles.is_empty() {
            return Err(RuleViolation::NoRoles);
        }
        let evaluator = Evaluator::new(self);
        let (firsts, seconds) = (matching(&evaluator, first)?, matching(&evaluator, second)?);
        if let Some(operation) = firsts.iter().find(|operation| pattern::selects(second, operation.policy())) {
            return Err(RuleViolation::OverlappingPatterns {
                operation: operation.policy().label().into_owned(),
                first: first.to_owned(),
                second: second.to_owned(),
            });
        }
        let mut found: Option<(Call<'_>, Search<'_>, &str)> = None;
        for role in &self.roles {
            let granted = evaluator.expand(&role.scopes);
            let holder = Holder { granted, org: Claim::Unknown, org_role: Claim::Is(role.name.clone()) };
            let search = Search { evaluator: &evaluator, scopes: bits(&evaluator, &role.scopes), holder };
            let pairs = firsts.iter().flat_map(|&first| seconds.iter().map(move |&second| [first, second]));
            if let Some(call) = smallest(pairs.filter_map(|pair| search.smallest_call(&pair)))
                && found.as_ref().is_none_or(|(best, ..)| call.is_smaller_than(best))
            {
                found = Some((call, search, &role.name));
            }
        }
        found.map_or(Ok(()), |(call, search, role)| Err(call.violation(&search, Some(role.to_owned()), None)))
    }

    /// Returns the subject as a token, if its role and its scopes are known.
    fn known_holder(&self, evaluator: &Evaluator<'_>, subject: &Subject) -> Result<Holder, RuleViolation> {
        if let Kind::Token { scopes, .. } = &subject.kind {
            scopes.iter().try_for_each(|scope| self.check_scope(scope))?;
        }
        evaluator.holder(subject).map_err(|unknown| {
            let roles: Vec<String> = self.roles.iter().map(|role| role.name.clone()).collect();
            RuleViolation::UnknownRole { similar: similar(&unknown.0, &roles), role: unknown.0 }
        })
    }

    fn check_scope(&self, scope: &str) -> Result<(), RuleViolation> {
        if self.scopes.iter().any(|name| name == scope) {
            return Ok(());
        }
        Err(RuleViolation::UnknownScope { scope: scope.to_owned(), similar: similar(scope, &self.scopes) })
    }
}

/// Search for calls that a token may make with a subset of its scopes.
struct Search<'e> {
    evaluator: &'e Evaluator<'e>,
    /// The scopes of the token, as bits in the order of the policy.
    scopes: Vec<usize>,
    /// The token with all of these scopes.
    holder: Holder,
}

/// Calls that are possible with the same token, and the smallest set of scopes that they need.
struct Call<'e> {
    operations: Vec<&'e EvaluatedOperation<'e>>,
    scopes: Vec<usize>,
}

impl<'e> Search<'e> {
    /// Returns the smallest set of scopes with which all of these operations may be used.
    fn smallest_call(&self, operations: &[&'e EvaluatedOperation<'e>]) -> Option<Call<'e>> {
        let is_callable = |operation: &&EvaluatedOperation<'_>| {
            operation.can_be_seen_by(&self.holder) && operation.is_met_by(&self.holder.granted)
        };
        if !operations.iter().all(is_callable) {
            return None;
        }
        let policies: Vec<_> = operations.iter().map(|operation| operation.policy()).collect();
        let scopes = smallest_set(self.evaluator.index(), &policies, &self.scopes)?;
        Some(Call { operations: operations.to_vec(), scopes })
    }
}

impl Call<'_> {
    /// Compares the number of scopes, then the scopes in the order of the policy.
    fn is_smaller_than(&self, other: &Self) -> bool {
        (self.scopes.len(), &self.scopes) < (other.scopes.len(), &other.scopes)
    }

    fn violation(self, search: &Search<'_>, role: Option<String>, without: Option<String>) -> RuleViolation {
        let index = search.evaluator.index();
        let names: Vec<&str> = self.scopes.iter().map(|&bit| index.names()[bit]).collect();
        let holder = Holder { granted: index.expand(names.iter().copied()), ..search.holder.clone() };
        let mut because = Vec::new();
        for operation in &self.operations {
            if let Access::MayAllow { because: checks } = operation.access(&holder) {
                // A deny rule disables an operation for all callers, so it does not belong to their access.
                because.extend(checks.into_iter().filter(|check| !matches!(check, RuntimeCheck::Switches(_))));
            }
        }
        RuleViolation::Violated(Box::new(Counterexample {
            role,
            scopes: names.into_iter().map(str::to_owned).collect(),
            operations: self.operations.iter().map(|operation| operation.policy().label().into_owned()).collect(),
            without,
            because,
        }))
    }
}

/// Returns the smallest call, the first of several that are equally small.
fn smallest<'e>(calls: impl Iterator<Item = Call<'e>>) -> Option<Call<'e>> {
    calls.reduce(|best, call| if call.is_smaller_than(&best) { call } else { best })
}

/// Returns the bits of these scopes, in the order of the policy.
fn bits(evaluator: &Evaluator<'_>, scopes: &[String]) -> Vec<usize> {
    let mut bits: Vec<usize> = scopes.iter().filter_map(|scope| evaluator.index().bit(scope)).collect();
    bits.sort_unstable();
    bits.dedup();
    bits
}

fn matching<'e>(
    evaluator: &'e Evaluator<'e>,
    operations: &str,
) -> Result<Vec<&'e EvaluatedOperation<'e>>, RuleViolation> {
    let matching: Vec<_> =
        evaluator.operations().filter(|operation| pattern::selects(operations, operation.policy())).collect();
    if matching.is_empty() {
        let labels: Vec<String> =
            evaluator.operations().map(|operation| operation.policy().label().into_owned()).collect();
        return Err(RuleViolation::NoSuchOperation {
            pattern: operations.to_owned(),
            similar: similar(operations, &labels),
        });
    }
    Ok(matching)
}

#[cfg(test)]
mod tests;
