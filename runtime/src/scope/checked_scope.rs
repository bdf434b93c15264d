//! Scopes that were checked against a list at compile time.

use std::fmt;

use super::Scopes;

/// A scope that is known to be in a [`Scopes`] list. [`scope!`](macro@crate::scope) creates one, and
/// `#[tool]`, `#[prompt]` and `#[resource]` create one for each scope of an operation.
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
    /// Returns the scope token (RFC 6749, section 3.3).
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

/// Checks a scope literal, for generated code. In a constant, a panic is a compile error. `list_path` is the list as the
/// author named it, for the message.
#[doc(hidden)]
#[track_caller]
pub const fn scope(list: &'static Scopes, list_path: &'static str, name: &'static str) -> Scope {
    // `check_list` reports a missing list once; another error for each scope would repeat it.
    if !list.is_missing() {
        list.position_or_panic(name, Some(list_path));
    }
    Scope(name)
}

/// Checks that the crate has a list of scopes, for generated code.
#[doc(hidden)]
#[track_caller]
pub const fn check_list(list: &Scopes) {
    assert!(
        !list.is_missing(),
        "there is no `SCOPES` at the root of this crate: declare `pub static SCOPES: Scopes = Scopes::new(&[..]);` \
         there, or name another list with `scopes_in = path::TO_LIST`"
    );
}

/// Placeholder for a list that the crate does not declare.
///
/// Generated code imports `missing::*` in an outer block and `crate::*` in an inner one, so `SCOPES` is the crate's
/// list if it exists, and otherwise this one.
#[doc(hidden)]
pub mod missing {
    /// List that [`check_list`](super::check_list) rejects.
    pub static SCOPES: super::Scopes = super::Scopes::missing();
}
