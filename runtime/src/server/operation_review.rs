//! Log messages about operations that are probably not as their author meant, when a server is built.

use std::borrow::Cow;

use crate::{
    operation::{OperationDescriptor, label},
    registry::{RegisteredOperation, Registry},
    scope::{MarkedScope, Scopes},
};

/// Logs the operations of the server without a description, and the operations of the program that are not part of the server.
pub(super) fn log(registry: &Registry, lists: &[&'static Scopes]) {
    let own = || registry.operations().iter().filter(|operation| operation.mounted_server().is_none());
    let undescribed = without_description(own().map(RegisteredOperation::descriptor));
    if !undescribed.is_empty() {
        tracing::warn!(
            operations = undescribed.join(", "),
            "operations have no description, by which models and people choose them: write a doc comment on each function, \
             or `description = \"..\"` in its attribute"
        );
    }
    let unproven = without_proof(own().map(RegisteredOperation::descriptor));
    if !unproven.is_empty() {
        tracing::info!(
            operations = unproven.join(", "),
            "operations declare scopes that have a marker, and take no proof of one: pass a `&Granted<..>` on to the data \
             layer, or remove a scope that the operation does not need"
        );
    }
    // Not a warning: a program can have several servers, or leave out those of a library on purpose.
    for unserved in unserved_lists(OperationDescriptor::all_registered(), lists) {
        tracing::info!(
            operations = unserved.operations.join(", "),
            defined_at = unserved.defined_at,
            "operations of another scope list are not part of this server: to add them, pass their list to \
             `Server::add_from`"
        );
    }
}

fn without_description<'a>(operations: impl Iterator<Item = &'a OperationDescriptor>) -> Vec<Cow<'static, str>> {
    let has_none = |operation: &&OperationDescriptor| operation.description.unwrap_or_default().trim().is_empty();
    operations.filter(has_none).map(label_of).collect()
}

fn label_of(operation: &OperationDescriptor) -> Cow<'static, str> {
    label(operation.kind(), operation.name)
}

/// Returns the operations that declare a scope with a marker and cannot prove any scope: they take neither a proof nor the
/// caller, who grants one, and have no guard.
fn without_proof<'a>(operations: impl Iterator<Item = &'a OperationDescriptor>) -> Vec<Cow<'static, str>> {
    let is_marked = |operation: &OperationDescriptor| {
        let mut declared = operation.all.iter().chain(operation.any);
        declared.any(|scope| MarkedScope::all().any(|m| m.scope == *scope && std::ptr::eq(m.list, operation.list)))
    };
    let can_prove = |operation: &OperationDescriptor| {
        !operation.guards.is_empty()
            || operation.states.iter().any(|state| state.is_proof() || state.is_provided_by_call())
    };
    operations.filter(|operation| is_marked(operation) && !can_prove(operation)).map(label_of).collect()
}

/// Operations of one list that is not a list of the server.
struct UnservedList {
    list: &'static Scopes,
    operations: Vec<Cow<'static, str>>,
    /// Place of the first operation, because a list has no name.
    defined_at: &'static str,
}

fn unserved_lists(
    operations: impl Iterator<Item = &'static OperationDescriptor>,
    lists: &[&'static Scopes],
) -> Vec<UnservedList> {
    let mut unserved: Vec<UnservedList> = Vec::new();
    for operation in operations.filter(|operation| !lists.iter().any(|&list| std::ptr::eq(list, operation.list))) {
        match unserved.iter_mut().find(|other| std::ptr::eq(other.list, operation.list)) {
            Some(other) => other.operations.push(label_of(operation)),
            None => {
                unserved.push(UnservedList {
                    list: operation.list,
                    operations: vec![label_of(operation)],
                    defined_at: operation.defined_at,
                });
            }
        }
    }
    for list in &mut unserved {
        list.operations.sort_unstable();
    }
    unserved
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Caller, Granted, ScopeMarker, tool};

    static SERVED: Scopes = Scopes::new(&["a"]);
    static LIBRARY: Scopes = Scopes::new(&["b"]);

    /// Has a description.
    #[tool(authenticated, scopes_in = SERVED)]
    async fn described() {}

    #[tool(authenticated, scopes_in = SERVED)]
    async fn undescribed() {}

    #[tool(authenticated, scopes_in = LIBRARY)]
    async fn library_two() {}

    #[tool(authenticated, scopes_in = LIBRARY)]
    async fn library_one() {}

    #[tool(authenticated, scopes_in = SERVED, description = " ")]
    async fn empty() {}

    #[test]
    fn a_tool_without_a_doc_comment_has_no_description() {
        let mut names = without_description(OperationDescriptor::registered(&[&SERVED]));
        names.sort_unstable();
        assert_eq!(names, ["empty", "undescribed"]);
    }

    static PROVEN: Scopes = Scopes::new(&["c", "d", "e"]);

    #[derive(ScopeMarker)]
    #[scope("c", in PROVEN)]
    struct C;

    #[tool(scopes = "c", scopes_in = PROVEN)]
    async fn takes_nothing() {}

    #[tool(any_scope("c", "d"), scopes_in = PROVEN)]
    async fn takes_nothing_for_one_of_two() {}

    #[tool(scopes = "c", scopes_in = PROVEN)]
    async fn takes_the_proof(_: &Granted<C>) {}

    #[tool(scopes = "c", scopes_in = PROVEN)]
    async fn takes_the_caller(_: &Caller) {}

    #[tool(scopes = "d", scopes_in = PROVEN)]
    async fn has_no_marker() {}

    #[test]
    fn a_tool_that_cannot_prove_its_scope_is_reported() {
        let mut names = without_proof(OperationDescriptor::registered(&[&PROVEN]));
        names.sort_unstable();
        assert_eq!(names, ["takes_nothing", "takes_nothing_for_one_of_two"]);
        // The same scope of another list has no marker.
        assert!(without_proof(OperationDescriptor::registered(&[&SERVED])).is_empty());
    }

    #[test]
    fn the_tools_of_a_list_that_is_not_added_are_reported_together() {
        let lists = [&SERVED, &LIBRARY];
        let tools = || OperationDescriptor::registered(&lists);
        let unserved = unserved_lists(tools(), &[&SERVED]);
        let [library] = unserved.as_slice() else { panic!("expected one list") };
        assert_eq!(library.operations, ["library_one", "library_two"]);
        assert!(library.defined_at.contains("operation_review.rs:"), "{}", library.defined_at);
        assert!(unserved_lists(tools(), &[&SERVED, &LIBRARY]).is_empty());
    }
}
