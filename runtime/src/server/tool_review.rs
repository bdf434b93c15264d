//! Log messages about tools that are probably not as their author meant, when a server is built.

use crate::{
    registry::{RegisteredTool, ToolRegistry},
    scope::Scopes,
    tool::ToolDescriptor,
};

/// Logs the tools of the server without a description, and the tools of the program that are not part of the server.
pub(super) fn log(registry: &ToolRegistry, lists: &[&'static Scopes]) {
    let undescribed = without_description(registry.tools().iter().map(RegisteredTool::descriptor));
    if !undescribed.is_empty() {
        tracing::warn!(
            tools = undescribed.join(", "),
            "tools have no description, and models choose tools by it: write a doc comment on each function, or \
             `description = \"..\"` in `#[tool(..)]`"
        );
    }
    // Not a warning: a program can have several servers, or leave out the tools of a library on purpose.
    for unserved in unserved_lists(ToolDescriptor::all_registered(), lists) {
        tracing::info!(
            tools = unserved.tools.join(", "),
            defined_at = unserved.defined_at,
            "tools of another scope list are not part of this server: to add them, pass their list to \
             `Server::add_tools_from`"
        );
    }
}

fn without_description<'a>(tools: impl Iterator<Item = &'a ToolDescriptor>) -> Vec<&'static str> {
    tools.filter(|tool| tool.description.unwrap_or_default().trim().is_empty()).map(|tool| tool.name).collect()
}

/// Tools of one list that is not a list of the server.
struct UnservedList {
    list: &'static Scopes,
    tools: Vec<&'static str>,
    /// Place of the first tool, because a list has no name.
    defined_at: &'static str,
}

fn unserved_lists(
    tools: impl Iterator<Item = &'static ToolDescriptor>,
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
    use crate::tool;

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
        let mut names = without_description(ToolDescriptor::registered(&[&SERVED]));
        names.sort_unstable();
        assert_eq!(names, ["empty", "undescribed"]);
    }

    #[test]
    fn the_tools_of_a_list_that_is_not_added_are_reported_together() {
        let lists = [&SERVED, &LIBRARY];
        let tools = || ToolDescriptor::registered(&lists);
        let unserved = unserved_lists(tools(), &[&SERVED]);
        let [library] = unserved.as_slice() else { panic!("expected one list") };
        assert_eq!(library.tools, ["library_one", "library_two"]);
        assert!(library.defined_at.contains("tool_review.rs:"), "{}", library.defined_at);
        assert!(unserved_lists(tools(), &[&SERVED, &LIBRARY]).is_empty());
    }
}
