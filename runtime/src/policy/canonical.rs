//! The canonical form of a policy: two policies with equal access have equal canonical forms.

use std::collections::{BTreeMap, BTreeSet};

use super::{ConditionalScopes, Implication, OperationPolicy, Policy, Role, ServerRules};

impl Policy {
    /// Returns the policy without source locations, duplicates and rules without effect, sorted where the order has no
    /// effect. Guards and alternatives of scopes keep their order: it decides which denial and which scopes a client is
    /// shown.
    pub(super) fn canonical(&self) -> Self {
        let required = sorted(&self.server.required_scopes);
        let mut operations: Vec<_> =
            self.operations.iter().map(|operation| canonical_operation(operation, &required)).collect();
        OperationPolicy::sort(&mut operations);
        let mut roles: Vec<_> = self.roles.iter().map(|role| Role::new(&role.name, sorted(&role.scopes))).collect();
        roles.sort_by(|a, b| a.name.cmp(&b.name));
        Self {
            scopes: sorted(&self.scopes),
            hierarchy: canonical_hierarchy(self),
            server: ServerRules { required_scopes: required, ..self.server.clone() },
            roles,
            operations,
        }
    }

    /// Returns the canonical forms of two policies, without roles unless both have roles.
    pub(super) fn comparable(&self, other: &Self) -> (Self, Self) {
        let (mut a, mut b) = (self.canonical(), other.canonical());
        if a.roles.is_empty() || b.roles.is_empty() {
            a.roles.clear();
            b.roles.clear();
        }
        (a, b)
    }
}

impl OperationPolicy {
    /// Returns the required scopes without those that the server requires for all operations.
    pub(super) fn own_scopes<'a>(&'a self, required_for_all: &'a [String]) -> impl Iterator<Item = &'a String> {
        self.scopes.iter().filter(|scope| !required_for_all.contains(scope))
    }
}

fn canonical_hierarchy(policy: &Policy) -> Vec<Implication> {
    let is_known = |scope: &&String| policy.scopes.contains(scope);
    let mut implied: BTreeMap<&String, BTreeSet<&String>> = BTreeMap::new();
    for rule in policy.hierarchy.iter().filter(|rule| is_known(&&rule.scope)) {
        implied.entry(&rule.scope).or_default().extend(rule.implies.iter().filter(is_known));
    }
    implied
        .into_iter()
        .filter(|(_, implies)| !implies.is_empty())
        .map(|(scope, implies)| Implication { scope: scope.clone(), implies: implies.into_iter().cloned().collect() })
        .collect()
}

fn canonical_operation(operation: &OperationPolicy, required: &[String]) -> OperationPolicy {
    let own: Vec<String> = operation.own_scopes(required).cloned().collect();
    let mut conditions: BTreeMap<&String, BTreeSet<&String>> = BTreeMap::new();
    for rule in operation.scopes_if.iter().filter(|rule| !rule.scopes.is_empty()) {
        conditions.entry(&rule.condition).or_default().extend(&rule.scopes);
    }
    let scopes_if = conditions.into_iter().map(|(condition, scopes)| ConditionalScopes {
        condition: condition.clone(),
        scopes: scopes.into_iter().cloned().collect(),
    });
    // The gate compares ids of organizations without regard to case.
    let orgs: Vec<String> = operation.orgs.iter().map(|id| id.to_ascii_lowercase()).collect();
    OperationPolicy {
        kind: operation.kind,
        name: operation.name.clone(),
        scopes: sorted(&own).into_iter().chain(required.iter().cloned()).collect(),
        any_scope: unique(&operation.any_scope),
        scopes_if: scopes_if.collect(),
        guards: unique(&operation.guards),
        approve: operation.approve.clone(),
        visible_to: sorted(&operation.visible_to),
        orgs: sorted(&orgs),
        org_roles: sorted(&operation.org_roles),
        rate: operation.rate,
        total_rate: operation.total_rate,
        annotations: operation.annotations,
        defined_at: String::new(),
    }
}

fn sorted(texts: &[String]) -> Vec<String> {
    texts.iter().collect::<BTreeSet<_>>().into_iter().cloned().collect()
}

fn unique(texts: &[String]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    texts.iter().filter(|text| seen.insert(*text)).cloned().collect()
}
