//! List of the roles of an authorization server, checked at compile time.

use std::fmt;

use super::{const_message::ConstMessage, const_str, unique::first_duplicate};

/// List of the roles that users can have in an organization, as configured in the authorization server.
///
/// Declare it as a `static` named `ROLES` at the root of the crate. `#[tool(org_role = ..)]` then checks every role
/// against it at compile time: a misspelled role would hide the tool from everyone. In a crate without `ROLES`, roles are
/// not checked.
///
/// ```
/// use toolgate::prelude::*;
///
/// pub static SCOPES: Scopes = Scopes::new(&["org:admin"]);
/// pub static ROLES: Roles = Roles::new(&["Owner", "Admin", "Member"]);
///
/// /// Close the organization's account.
/// #[tool(scopes = "org:admin", org_role = "Owner", destructive)]
/// async fn close_account() -> Result<String, ToolError> {
///     Err(ToolError::new("closing an account needs a support request"))
/// }
/// # fn main() {}
/// ```
pub struct Roles {
    names: &'static [&'static str],
    missing: bool,
}

impl Roles {
    /// Creates a list of roles.
    ///
    /// # Panics
    ///
    /// If the list is empty, a role is empty or has leading or trailing spaces, or a role is a duplicate. In a `static`,
    /// a panic is a compile error.
    #[track_caller]
    pub const fn new<const N: usize>(names: &'static [&'static str; N]) -> Self {
        assert!(N > 0, "the list of roles is empty: add at least one, such as \"Owner\"");
        let mut i = 0;
        while i < N {
            let name = names[i].as_bytes();
            assert!(!name.is_empty(), "a role is empty: expected the name of a role, such as \"Owner\"");
            if name[0] == b' ' || name[name.len() - 1] == b' ' {
                ConstMessage::new("the role `")
                    .push(names[i])
                    .push("` starts or ends with a space: remove it")
                    .panic();
            }
            i += 1;
        }
        if let Some(duplicate) = first_duplicate(names) {
            ConstMessage::new("duplicate role `").push(duplicate).push("`: remove one").panic();
        }
        Self { names, missing: false }
    }

    /// Returns the roles, in the order of the declaration.
    pub const fn names(&self) -> &'static [&'static str] {
        self.names
    }
}

impl fmt::Debug for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names).finish()
    }
}

/// Checks a role literal against the crate's list, for generated code. In a constant, a panic is a compile error.
#[doc(hidden)]
#[track_caller]
pub const fn check_role(list: &Roles, name: &str) {
    if list.missing {
        return;
    }
    let mut i = 0;
    while i < list.names.len() {
        if const_str::equal(list.names[i], name) {
            return;
        }
        i += 1;
    }
    let message = ConstMessage::new("the role `").push(name).push("` is not in `ROLES`");
    match const_str::nearest(name, list.names) {
        Some(similar) => message.push(": did you mean `").push(similar).push("`?").panic(),
        None => message.push(": add it to the list and to the authorization server").panic(),
    }
}

/// Placeholder for a list that the crate does not declare; see the placeholder for a missing scope list.
#[doc(hidden)]
pub mod missing {
    /// List that contains every role.
    pub static ROLES: super::Roles = super::Roles { names: &[], missing: true };
}
