//! A server's worth of tools with every kind of requirement, for properties over all of them.

use std::collections::BTreeSet;

use toolgate::Scopes;
use toolgate::guard::require_org_role;
use toolgate::prelude::*;

use crate::Probe;

/// `all` implies `a` and `b:write`, which implies `b:read`; `c:admin` implies `c`.
pub static CATALOGUE: Scopes = Scopes::new(&["a", "all", "b:read", "b:write", "c", "c:admin", "d", "e"])
    .implies("all", &["a", "b:write"])
    .implies("b:write", &["b:read"])
    .implies("c:admin", &["c"]);

/// What each tool requires, written down a second time: all of some scopes, one of others, and a role.
type Requirement = (&'static str, &'static [&'static str], &'static [&'static str], Option<&'static str>);

/// Every tool of the catalogue.
pub const TOOLS: [Requirement; 12] = [
    ("anybody", &[], &[], None),
    ("all_of_three", &["a", "b:read", "c"], &[], None),
    ("all_of_two", &["a", "d"], &[], None),
    ("any_of_three", &[], &["c", "d", "e"], None),
    ("any_of_two", &[], &["b:write", "e"], None),
    ("both_kinds", &["a"], &["c:admin", "e"], None),
    ("broad", &["all"], &[], None),
    ("one_a", &["a"], &[], None),
    ("one_b", &["b:read"], &[], None),
    ("owners", &[], &[], Some("Owner")),
    ("owners_with_c", &["c"], &[], Some("Owner")),
    ("overlapping", &["d"], &["d", "e"], None),
];

/// What a token opens, by the definition of the words and not by toolgate's code.
pub fn open_to(scopes: &BTreeSet<&str>, role: Option<&str>, switched_off: &BTreeSet<&str>) -> BTreeSet<&'static str> {
    let implied: [(&str, &[&str]); 3] =
        [("all", &["a", "b:write", "b:read"]), ("b:write", &["b:read"]), ("c:admin", &["c"])];
    let mut granted = scopes.clone();
    for (broad, narrow) in implied {
        if scopes.contains(broad) {
            granted.extend(narrow);
        }
    }
    TOOLS
        .into_iter()
        .filter(|(name, all, any, needed_role)| {
            !switched_off.contains(name)
                && all.iter().all(|scope| granted.contains(scope))
                && (any.is_empty() || any.iter().any(|scope| granted.contains(scope)))
                && needed_role.is_none_or(|needed| role == Some(needed))
        })
        .map(|(name, ..)| name)
        .collect()
}

macro_rules! catalogue {
    ($($(#[$tool:meta])* $name:ident)*) => {$(
        /// A tool of the catalogue.
        $(#[$tool])*
        async fn $name(probe: &Probe) {
            probe.ran();
        }
    )*};
}

catalogue! {
    #[tool(authenticated, scopes_in = crate::catalogue::CATALOGUE)]
    anybody
    #[tool(scopes("a", "b:read", "c"), scopes_in = crate::catalogue::CATALOGUE)]
    all_of_three
    #[tool(scopes("a", "d"), scopes_in = crate::catalogue::CATALOGUE)]
    all_of_two
    #[tool(any_scope("c", "d", "e"), scopes_in = crate::catalogue::CATALOGUE)]
    any_of_three
    #[tool(any_scope("b:write", "e"), scopes_in = crate::catalogue::CATALOGUE)]
    any_of_two
    #[tool(scopes = "a", any_scope("c:admin", "e"), scopes_in = crate::catalogue::CATALOGUE)]
    both_kinds
    #[tool(scopes = "all", scopes_in = crate::catalogue::CATALOGUE)]
    broad
    #[tool(scopes = "a", scopes_in = crate::catalogue::CATALOGUE)]
    one_a
    #[tool(scopes = "b:read", scopes_in = crate::catalogue::CATALOGUE)]
    one_b
    #[tool(authenticated, visible_to = require_org_role("Owner"), scopes_in = crate::catalogue::CATALOGUE)]
    owners
    #[tool(scopes = "c", visible_to = require_org_role("Owner"), scopes_in = crate::catalogue::CATALOGUE)]
    owners_with_c
    #[tool(scopes = "d", any_scope("d", "e"), scopes_in = crate::catalogue::CATALOGUE)]
    overlapping
}
