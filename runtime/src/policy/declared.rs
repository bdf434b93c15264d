//! The policy that a program declares: its operations and scope lists.

use super::{ConditionalScopes, Implication, OperationPolicy, Policy, ServerRules};
use crate::{operation::OperationDescriptor, scope::Scopes};

impl Policy {
    /// Returns the policy of the tools, prompts and resources that were checked against a list, without rules of a server.
    /// It needs no server.
    ///
    /// ```
    /// # use toolgate::prelude::*;
    /// pub static SCOPES: Scopes = Scopes::new(&["employees:read:public"]);
    ///
    /// /// Return an employee's public profile.
    /// #[tool(scopes = "employees:read:public", read_only)]
    /// async fn profile(employee_id: String) -> String {
    ///     employee_id
    /// }
    ///
    /// # fn main() {
    /// let policy = Policy::of(&SCOPES);
    /// assert_eq!(policy.operations[0].name, "profile");
    /// assert_eq!(policy.to_string(), "operation  hints      requires\nprofile    read-only  employees:read:public\n");
    /// # }
    /// ```
    pub fn of(list: &'static Scopes) -> Self {
        Self::declared(&[list], [], ServerRules::default())
    }

    /// Returns the policy of a server with the operations of `lists` and those of mounted servers.
    pub(crate) fn declared(
        lists: &[&'static Scopes],
        mounted: impl IntoIterator<Item = &'static OperationDescriptor>,
        server: ServerRules,
    ) -> Self {
        let mut policy = Self { server, ..Self::default() };
        for list in lists {
            for name in list.names() {
                if !policy.scopes.iter().any(|known| known == name) {
                    policy.scopes.push((*name).to_owned());
                }
            }
            policy.hierarchy.extend(
                list.rules()
                    .iter()
                    .map(|rule| Implication { scope: rule.scope.to_owned(), implies: owned(rule.implied) }),
            );
        }
        let required = &policy.server.required_scopes;
        policy.operations = OperationDescriptor::registered(lists)
            .chain(mounted)
            .map(|operation| OperationPolicy::declared(operation, required))
            .collect();
        OperationPolicy::sort(&mut policy.operations);
        policy
    }
}

impl OperationPolicy {
    /// Returns the policy of an operation on a server that requires `required_for_all` for all of its operations.
    pub(crate) fn declared(operation: &OperationDescriptor, required_for_all: &[impl AsRef<str>]) -> Self {
        let mut scopes: Vec<_> = operation.all.iter().map(|scope| scope.name().to_owned()).collect();
        for scope in required_for_all.iter().map(AsRef::as_ref) {
            if !scopes.iter().any(|known| known == scope) {
                scopes.push(scope.to_owned());
            }
        }
        Self {
            kind: operation.kind(),
            name: operation.name.to_owned(),
            scopes,
            any_scope: operation.any.iter().map(|scope| scope.name().to_owned()).collect(),
            scopes_if: operation
                .scopes_if
                .iter()
                .map(|conditional| ConditionalScopes {
                    condition: conditional.condition.to_owned(),
                    scopes: conditional.scopes.iter().map(|scope| scope.name().to_owned()).collect(),
                })
                .collect(),
            guards: owned(operation.guards),
            approve: operation.approve.map(str::to_owned),
            visible_to: operation.visible_to.iter().map(|rule| rule.source.to_owned()).collect(),
            orgs: owned(operation.orgs),
            org_roles: owned(operation.org_roles),
            rate: operation.rate,
            total_rate: operation.total_rate,
            annotations: operation.tool_annotations(),
            defined_at: operation.defined_at.to_owned(),
        }
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}
