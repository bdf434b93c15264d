//! Scopes that were checked against a list when the crate compiled.

use std::fmt;

use super::Scopes;

/// A scope that is known to be in a list: what [`scope!`](macro@crate::scope) makes, and `#[tool]` for each of its scopes.
///
/// ```
/// use toolgate::{Scope, Scopes, scope};
///
/// pub static SCOPES: Scopes = Scopes::new(&["employees:read:private"]);
///
/// const PRIVATE: Scope = scope!("employees:read:private");
///
/// # fn main() {
/// assert_eq!(PRIVATE.name(), "employees:read:private");
/// # }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scope(&'static str);

impl Scope {
    /// The scope as it stands in tokens and in PropelAuth.
    pub const fn name(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0, f)
    }
}

/// What generated code calls for every scope literal; a panic here is the compile error of a misspelt scope.
#[doc(hidden)]
#[track_caller]
pub const fn scope(list: &'static Scopes, name: &'static str) -> Scope {
    if !list.is_missing() {
        list.position_or_panic(name);
    }
    Scope(name)
}

/// What generated code calls for the list itself: says where it was looked for when there is none.
#[doc(hidden)]
#[track_caller]
pub const fn check_list(list: &Scopes) {
    assert!(
        !list.is_missing(),
        "there is no `SCOPES` at the root of this crate. Declare `pub static SCOPES: Scopes = Scopes::new(&[..]);` \
             there, or name the list of another place with `scopes_in = path::TO_LIST`"
    );
}

/// Generated code imports this module in an outer scope and `crate::*` in an inner one, so `SCOPES` means the crate's
/// own list where it has one, and this where it has none.
#[doc(hidden)]
pub mod missing {
    /// Stands for the list that a crate forgot.
    pub static SCOPES: super::Scopes = super::Scopes::missing();
}
