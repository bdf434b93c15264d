//! Log messages about tools that are probably not as their author meant, when a server is built.

use crate::{
    operation::OperationDescriptor,
    registry::{RegisteredOperation, Registry},
    scope::{MarkedScope, Scopes},
};

/// Logs the tools of the server without a description, and the tools of the program that are not part of the server.
pub(super) fn log(registry: &Registry, lists: &[&'static Scopes]) {
    let own = || registry.operations().iter().filter(|operation| operation.mounted_server().is_none());
    let undescribed = without_description(own().map(RegisteredOperation::descriptor));
    if !undescribed.is_empty() {
        tracing::warn!(
            tools = undescribed.join(", "),
            "tools have no description, and models choose tools by it: write a doc comment on each function, or \
             `description = \"..\"` in `#[tool(..)]`"
        );
    }
    let unproven = without_proof(own().map(RegisteredOperation::descriptor));
    if !unproven.is_empty() {
        tracing::info!(
            tools = unproven.join(", "),
            "tools declare scopes that have a marker, and take no proof of one: pass a `&Granted<..>` on to the data layer, \
             or remove a scope that the tool does not need"
        );
    }
    // Not a warning: a program can have several servers, or leave out the tools of a library on purpose.
    for unserved in unserved_lists(OperationDescriptor::all_registered(), lists) {
        tracing::info!(
            tools = unserved.tools.join(", "),
            defined_at = unserved.defined_at,
            "tools of another scope list are not part of this server: to add them, pass their list to \
             `Server::add_from`"
        );
    }
}

fn without_description<'a>(tools: impl Iterator<Item = &'a OperationDescriptor>) -> Vec<&'static str> {
    tools.filter(|tool| tool.description.unwrap_or_default().trim().is_empty()).map(|tool| tool.name).collect()
}

/// Returns the tools that declare a scope with a marker and cannot prove any scope: they take neither a proof nor the
/// caller, who grants one, and have no guard.
fn without_proof<'a>(tools: impl Iterator<Item = &'a OperationDescriptor>) -> Vec<&'static str> {
    let is_marked = |tool: &OperationDescriptor| {
        let mut declared = tool.all.iter().chain(tool.any);
        declared.any(|scope| MarkedScope::all().any(|m| m.scope == *scope && std::ptr::eq(m.list, tool.list)))
    };
    let can_prove = |tool: &OperationDescriptor| {
        !tool.guards.is_empty() || tool.states.iter().any(|state| state.is_proof() || state.is_provided_by_call())
    };
    tools.filter(|tool| is_marked(tool) && !can_prove(tool)).map(|tool| tool.name).collect()
}

/// Tools of one list that is not a list of the server.
struct UnservedList {
    list: &'static Scopes,
    tools: Vec<&'static str>,
    /// Place of the first tool, because a list has no name.
    defined_at: &'static str,
}

fn unserved_lists(
    tools: impl Iterator<Item = &'static OperationDescriptor>,
    lists: &[&'static Scopes],
) -> Vec<UnservedList> {
    let mut unserved: Vec<UnservedList> = Vec::new();
    for tool in tools.filter(|tool| !lists.iter().any(|&list| std::ptr::eq(list, tool.list))) {
        match unserved.iter_mut().find(|other| std::ptr::eq(other.list, tool.list)) {
            Some(other) => other.tools.push(tool.name),
            None => {
                unserved.push(UnservedList { list: tool.list, tools: vec![tool.name], defined_at: tool.defined_at });
            }
        }
    }
    for list in &mut unserved {
        list.tools.sort_unstable();
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
        assert_eq!(library.tools, ["library_one", "library_two"]);
        assert!(library.defined_at.contains("tool_review.rs:"), "{}", library.defined_at);
        assert!(unserved_lists(tools(), &[&SERVED, &LIBRARY]).is_empty());
    }
}
