//! Names of the claims that authorization servers name differently.

use std::borrow::Cow;

/// Names of claims, or their JSON Pointers. `scope` and `username` are those of introspection responses (RFC 7662,
/// section 2.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClaimNames {
    pub(crate) scope: Cow<'static, str>,
    pub(crate) username: Cow<'static, str>,
    pub(crate) org: Cow<'static, str>,
    pub(crate) role: Cow<'static, str>,
}

impl ClaimNames {
    pub(crate) const DEFAULT: Self = Self {
        scope: Cow::Borrowed("scope"),
        username: Cow::Borrowed("username"),
        org: Cow::Borrowed("org_id"),
        role: Cow::Borrowed("org_role"),
    };
}

/// Adds the methods that set the names of claims to a validator with a field `names`.
macro_rules! claim_name_methods {
    () => {
        /// Sets the claim with the scopes, such as `scp`, `permissions` or `/resource_access/my-client/roles`: a string with
        /// spaces between the scopes, or an array of strings. Default: `scope`.
        ///
        /// A name that begins with `/` is a JSON Pointer (RFC 6901) to a nested claim: `/` separates the names of
        /// members and the indices of arrays, and a name that contains `/` or `~` is written with `~1` or `~0`. A claim
        /// that does not exist means no scopes, no user name, no organization or no role.
        pub fn scope_claim(mut self, name: impl Into<Cow<'static, str>>) -> Self {
            self.names.scope = name.into();
            self
        }

        /// Sets the claim with the human-readable name of the user: a name, or a JSON Pointer as for
        /// [`scope_claim`](Self::scope_claim).
        pub fn username_claim(mut self, name: impl Into<Cow<'static, str>>) -> Self {
            self.names.username = name.into();
            self
        }

        /// Sets the claim with the ID of the user's organization, a string or an array of one string: a name, or a JSON
        /// Pointer as for [`scope_claim`](Self::scope_claim). Default: `org_id`.
        pub fn org_claim(mut self, name: impl Into<Cow<'static, str>>) -> Self {
            self.names.org = name.into();
            self
        }

        /// Sets the claim with the user's role in the organization, a string or an array of one string: a name, or a JSON
        /// Pointer as for [`scope_claim`](Self::scope_claim). Default: `org_role`.
        pub fn role_claim(mut self, name: impl Into<Cow<'static, str>>) -> Self {
            self.names.role = name.into();
            self
        }
    };
}

pub(super) use claim_name_methods;
