//! Places of tools and scope lists in a crate: modules, functions, macros. A target of its own, because paths are resolved
//! from the crate root.

#![allow(missing_docs, unreachable_pub)]

mod support;

use toolgate::{Policy, scope, tool};

// The list is defined in a module and re-exported at the root, where `#[tool]` expects it.
mod policy {
    pub mod scopes {
        use toolgate::prelude::*;

        pub static SCOPES: Scopes =
            Scopes::new(&["files:read", "files:write"]).implies("files:write", &["files:read"]);
        pub static AUDIT: Scopes = Scopes::new(&["audit:read"]);
    }
}

pub use policy::scopes::SCOPES;

mod tools {
    pub mod deep {
        use toolgate::prelude::*;

        #[tool(scopes = "files:read")]
        pub async fn in_a_module() -> &'static str {
            "the result"
        }
    }

    use super::policy::scopes::AUDIT as LIST;

    #[toolgate::tool(scopes = "audit:read", scopes_in = LIST)]
    async fn of_another_list() {}

    #[toolgate::tool(authenticated, scopes_in = crate::policy::scopes::AUDIT)]
    async fn authenticated_of_another_list() {}
}

#[tool(scopes = "files:write", crate = ::toolgate)]
async fn at_the_root() {}

async fn call_tool_in_a_function() -> &'static str {
    #[tool(scopes = "files:read")]
    async fn in_a_function() -> &'static str {
        RESULT
    }
    const RESULT: &str = "the result";
    in_a_function().await
}

// Tools from a macro of the author. Fragments that a macro passes on are in groups without delimiters.
macro_rules! reader {
    ($(#[$doc:meta])* $name:ident, $scope:literal, $list:path, $timeout:expr, $ty:ty, $given:ty) => {
        $(#[$doc])*
        #[tool(scopes = $scope, scopes_in = $list, timeout = $timeout, read_only)]
        async fn $name(id: $ty, caller: $given) -> String {
            format!("{id} {}", caller.user_id().unwrap_or_default())
        }
    };
}

reader! {
    /// Read by number.
    of_a_macro, "files:read", crate::SCOPES, "5s", u32, &toolgate::Caller
}

const WRITE: toolgate::Scope = scope!("files:write");
const AUDIT: toolgate::Scope = scope!("audit:read", in policy::scopes::AUDIT);
static BOTH: [toolgate::Scope; 2] = [WRITE, scope!("files:read",)];

const fn generic<const N: usize>() -> toolgate::Scope {
    scope!("files:read")
}

#[test]
fn a_scopes_list_has_exactly_the_tools_that_are_checked_against_it() {
    let names = |list| Policy::of(list).operations.into_iter().map(|tool| tool.name).collect::<Vec<_>>();
    assert_eq!(names(&SCOPES), ["at_the_root", "in_a_function", "in_a_module", "of_a_macro"]);
    assert_eq!(names(&policy::scopes::AUDIT), ["authenticated_of_another_list", "of_another_list"]);
}

#[tokio::test]
async fn tools_of_another_list_are_added_on_request() {
    let server = support::server(&SCOPES).add_from(&policy::scopes::AUDIT);
    let names = support::names(server).await;
    assert!(names.contains(&"authenticated_of_another_list".to_owned()), "{names:?}");
    assert!(!names.contains(&"of_another_list".to_owned()), "the token has no scope of that list: {names:?}");
}

#[tokio::test]
async fn a_tool_from_a_macro_is_registered_like_any_other() {
    let tool = support::listing(support::server(&SCOPES), "of_a_macro").await;
    assert_eq!(tool["description"], "Read by number.");
    assert_eq!(tool["inputSchema"]["properties"]["id"]["type"], "integer");
    let result = support::call(support::server(&SCOPES), "of_a_macro", serde_json::json!({ "id": 7 })).await;
    assert_eq!(support::text(&result), "7 tester");
}

#[test]
fn a_scope_is_a_constant() {
    assert_eq!(AUDIT.name(), "audit:read");
    assert_eq!(BOTH.map(toolgate::Scope::name), ["files:write", "files:read"]);
    assert_eq!(generic::<3>(), BOTH[1]);
}

#[tokio::test]
async fn a_tool_can_be_called_as_a_function() {
    assert_eq!(tools::deep::in_a_module().await, "the result");
    assert_eq!(call_tool_in_a_function().await, "the result");
}
