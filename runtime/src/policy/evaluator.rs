//! Evaluation of a policy, with the functions that decide requests.

use super::{
    Access, OperationPolicy, Policy, RuntimeCheck, Subject,
    subject::{Claim, Kind},
};
use crate::{
    operation::{OperationKind, parse_label},
    resource::UriTemplate,
    scope::{Requirement, ScopeIndex, ScopeSet},
};

/// A policy with its scopes as bits.
pub(super) struct Evaluator<'p> {
    policy: &'p Policy,
    index: ScopeIndex<&'p str>,
    operations: Vec<EvaluatedOperation<'p>>,
}

/// An operation with its requirements as bits.
pub(super) struct EvaluatedOperation<'p> {
    policy: &'p OperationPolicy,
    switches: usize,
    requirement: Requirement<&'p str>,
    /// The conditions of `scopes_if` and the scopes that each requires.
    conditions: Vec<(&'p str, Requirement<&'p str>)>,
}

/// A token, as far as a policy knows it.
#[derive(Clone, Debug)]
pub(super) struct Holder {
    pub(super) granted: ScopeSet,
    pub(super) org: Claim,
    pub(super) org_role: Claim,
}

/// The subject is a role that the policy does not contain.
#[derive(Debug)]
pub(super) struct UnknownRole(pub(super) String);

impl<'p> Evaluator<'p> {
    pub(super) fn new(policy: &'p Policy) -> Self {
        let index = ScopeIndex::with_hierarchy(
            policy.scopes.iter().map(String::as_str),
            policy.hierarchy.iter().map(|rule| (rule.scope.as_str(), rule.implies.iter().map(String::as_str))),
        );
        let operations = policy
            .operations
            .iter()
            .map(|operation| EvaluatedOperation::new(operation, policy.server.switches, &index))
            .collect();
        Self { policy, index, operations }
    }

    pub(super) fn index(&self) -> &ScopeIndex<&'p str> {
        &self.index
    }

    pub(super) fn operations(&self) -> impl Iterator<Item = &EvaluatedOperation<'p>> {
        self.operations.iter()
    }

    /// Returns the operation at a position in the policy.
    pub(super) fn operation_at(&self, position: usize) -> &EvaluatedOperation<'p> {
        &self.operations[position]
    }

    pub(super) fn get(&self, kind: OperationKind, name: &str) -> Option<&EvaluatedOperation<'p>> {
        self.operations.iter().find(|operation| operation.policy.is(kind, name))
    }

    /// Returns the operation with this label, or the resource whose template matches a URI. As for requests, a resource
    /// with the URI itself takes precedence.
    pub(super) fn find(&self, label: &str) -> Option<&EvaluatedOperation<'p>> {
        let (kind, name) = parse_label(label);
        // The name of a tool of a mounted server can look like a URI.
        let with_label = || self.operations.iter().find(|operation| operation.policy.label() == label);
        self.get(kind, name).or_else(with_label).or_else(|| {
            let (position, _) = self.templates().find(|(_, template)| template.matches(name).is_some())?;
            (kind == OperationKind::Resource).then(|| self.operation_at(position))
        })
    }

    /// Returns the templates of resources, and the positions of the resources in the policy.
    pub(super) fn templates(&self) -> impl Iterator<Item = (usize, UriTemplate)> {
        let resources = self.operations.iter().enumerate().filter(|(_, operation)| operation.policy.is_template());
        resources
            .filter_map(|(position, operation)| Some((position, UriTemplate::parse(&operation.policy.name).ok()?)))
    }

    /// Returns a token with all scopes of the subject.
    pub(super) fn holder(&self, subject: &Subject) -> Result<Holder, UnknownRole> {
        let (scopes, org_role) = match &subject.kind {
            Kind::Token { scopes, org_role } => (scopes, org_role.clone()),
            Kind::Role(name) => {
                let role = self.policy.role(name).ok_or_else(|| UnknownRole(name.clone()))?;
                (&role.scopes, Claim::Is(role.name.clone()))
            }
        };
        Ok(Holder { granted: self.expand(scopes), org: subject.org.clone(), org_role })
    }

    pub(super) fn has(&self, granted: &ScopeSet, scope: &str) -> bool {
        self.index.bit(scope).is_some_and(|bit| granted.contains(bit))
    }

    pub(super) fn expand(&self, scopes: &[String]) -> ScopeSet {
        self.index.expand(scopes.iter().map(String::as_str))
    }
}

impl<'p> EvaluatedOperation<'p> {
    fn new(policy: &'p OperationPolicy, switches: usize, index: &ScopeIndex<&'p str>) -> Self {
        let names = |scopes: &'p [String]| scopes.iter().map(String::as_str);
        Self {
            policy,
            switches,
            requirement: Requirement::new(index, names(&policy.scopes), names(&policy.any_scope)),
            conditions: policy
                .scopes_if
                .iter()
                .map(|rule| (rule.condition.as_str(), Requirement::new(index, names(&rule.scopes), [])))
                .collect(),
        }
    }

    pub(super) fn policy(&self) -> &'p OperationPolicy {
        self.policy
    }

    /// Returns whether the scopes meet the requirement of a call for which no condition is true.
    pub(super) fn is_met_by(&self, granted: &ScopeSet) -> bool {
        self.requirement.is_met_by(granted)
    }

    /// Returns whether the scopes are sufficient for a call for which this condition is true, apart from the scopes of all
    /// calls.
    pub(super) fn meets_condition(&self, condition: &str, granted: &ScopeSet) -> bool {
        self.conditions.iter().all(|(text, requirement)| *text != condition || requirement.is_met_by(granted))
    }

    /// Returns whether a token with this organization and this organization role can see the operation, as far as they are
    /// known.
    pub(super) fn can_be_seen_by(&self, holder: &Holder) -> bool {
        self.allows_org(holder) != Some(false) && self.allows_org_role(holder) != Some(false)
    }

    /// Returns whether the operation is allowed in the token's organization. `None` if the organization is not known.
    fn allows_org(&self, holder: &Holder) -> Option<bool> {
        holder.org.is_one_of(&self.policy.orgs, is_same_organization)
    }

    /// Returns whether the operation is visible to the token's organization role. `None` if the role is not known.
    fn allows_org_role(&self, holder: &Holder) -> Option<bool> {
        holder.org_role.is_one_of(&self.policy.org_roles, |allowed, role| allowed == role)
    }

    /// Decides in the order of the gate: visibility, then scopes.
    pub(super) fn access(&self, holder: &Holder) -> Access {
        if !self.can_be_seen_by(holder) {
            let excluding =
                |allows, values: &[String]| if allows == Some(false) { values.to_vec() } else { Vec::new() };
            return Access::Hidden {
                orgs: excluding(self.allows_org(holder), &self.policy.orgs),
                org_roles: excluding(self.allows_org_role(holder), &self.policy.org_roles),
            };
        }
        if !self.is_met_by(&holder.granted) {
            return Access::MissingScopes {
                missing: missing(&self.requirement, &holder.granted),
                required: self.requirement.required(&holder.granted).map(|(name, _)| name.to_owned()).collect(),
            };
        }
        let because = self.checks(holder);
        if because.is_empty() { Access::Allowed } else { Access::MayAllow { because } }
    }

    /// Returns the checks that a running server makes, in addition to the requirement.
    fn checks(&self, holder: &Holder) -> Vec<RuntimeCheck> {
        let operation = self.policy;
        let mut checks = Vec::new();
        if self.switches > 0 {
            checks.push(RuntimeCheck::Switches(self.switches));
        }
        if self.allows_org(holder).is_none() {
            checks.push(RuntimeCheck::Org(operation.orgs.clone()));
        }
        if self.allows_org_role(holder).is_none() {
            checks.push(RuntimeCheck::OrgRole(operation.org_roles.clone()));
        }
        checks.extend(operation.visible_to.iter().cloned().map(RuntimeCheck::VisibleTo));
        checks.extend(self.conditions.iter().filter(|(_, requirement)| !requirement.is_met_by(&holder.granted)).map(
            |&(condition, ref requirement)| RuntimeCheck::Condition {
                condition: condition.to_owned(),
                missing: missing(requirement, &holder.granted),
            },
        ));
        checks.extend(operation.guards.iter().cloned().map(RuntimeCheck::Guard));
        checks
    }
}

fn missing(requirement: &Requirement<&str>, granted: &ScopeSet) -> Vec<String> {
    requirement.required(granted).filter(|(_, is_granted)| !is_granted).map(|(name, _)| name.to_owned()).collect()
}

/// Compares IDs of organizations: UUIDs without regard to case (RFC 9562, section 4), and others exactly, because two
/// organizations of another authorization server may differ in case only.
pub(crate) fn is_same_organization(a: &str, b: &str) -> bool {
    a == b || (uuid::Uuid::try_parse(a).is_ok() && a.eq_ignore_ascii_case(b))
}
