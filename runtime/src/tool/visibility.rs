//! Visibility rules: policies that decide who can list and call a tool.

use std::fmt;

use crate::auth::Caller;

/// Rule for `#[tool(visible_to = ..)]`: which callers may see and call the tool.
///
/// It is evaluated for each list and for each call. A hidden tool is reported as if it did not exist. A
/// `fn(&Caller) -> bool` is a rule; [`require_org_role`] and [`require_org`] create others.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a visibility rule",
    label = "not a visibility rule",
    note = "write `require_org_role(\"Owner\")`, `require_org(\"..\")`, a `fn(&Caller) -> bool`, or a type with `impl Visibility`"
)]
pub trait Visibility: Send + Sync + 'static {
    /// Decides whether the caller may see and call the tool.
    fn allows(&self, caller: &Caller) -> bool;
}

impl<F: Fn(&Caller) -> bool + Send + Sync + 'static> Visibility for F {
    fn allows(&self, caller: &Caller) -> bool {
        self(caller)
    }
}

/// Creates a rule that allows callers with exactly this role in their organization:
/// `#[tool(.., visible_to = require_org_role("Owner"))]`.
pub const fn require_org_role(role: &'static str) -> OrgRole {
    OrgRole(role)
}

/// Creates a rule that allows callers who act for the organization with this id (a UUID):
/// `#[tool(.., visible_to = require_org("1d2e…"))]`.
pub const fn require_org(id: &'static str) -> Org {
    Org(id)
}

/// Rule created by [`require_org_role`].
#[derive(Clone, Copy, Debug)]
pub struct OrgRole(&'static str);

impl Visibility for OrgRole {
    fn allows(&self, caller: &Caller) -> bool {
        caller.org_role() == Some(self.0)
    }
}

/// Rule created by [`require_org`].
#[derive(Clone, Copy, Debug)]
pub struct Org(&'static str);

impl Visibility for Org {
    /// Compares without regard to case, as RFC 9562, section 4 requires for UUIDs.
    fn allows(&self, caller: &Caller) -> bool {
        caller.org_id().is_some_and(|id| id.eq_ignore_ascii_case(self.0))
    }
}

impl fmt::Debug for dyn Visibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Visibility")
    }
}
