//! Names of the claims that authorization servers name differently.

use std::borrow::Cow;

/// Names of claims. `scope` and `username` are those of introspection responses (RFC 7662, section 2.2).
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
        /// Sets the name of the claim with the scopes, such as `scp` or `permissions`: a string with spaces between
        /// the scopes, or an array of strings. Default: `scope`.
        pub fn scope_claim(mut self, name: impl Into<Cow<'static, str>>) -> Self {
            self.names.scope = name.into();
            self
        }

        /// Sets the name of the claim with the human-readable name of the user.
        pub fn username_claim(mut self, name: impl Into<Cow<'static, str>>) -> Self {
            self.names.username = name.into();
            self
        }

        /// Sets the name of the claim with the ID of the user's organization, a string. Default: `org_id`.
        pub fn org_claim(mut self, name: impl Into<Cow<'static, str>>) -> Self {
            self.names.org = name.into();
            self
        }

        /// Sets the name of the claim with the user's role in the organization, a string. Default: `org_role`.
        pub fn role_claim(mut self, name: impl Into<Cow<'static, str>>) -> Self {
            self.names.role = name.into();
            self
        }
    };
}

/// Adds the methods that set the limits of requests to a validator with a field `discovery`.
macro_rules! limit_methods {
    () => {
        /// Sets the time limit for establishing a connection, TLS included. Default: 2 seconds.
        pub fn connect_timeout(self, connect_timeout: Duration) -> Self {
            self.limit(|limits| limits.connect_timeout = connect_timeout)
        }

        /// Sets the time limit for a request, from connecting to the last byte of the response. Default: 5 seconds.
        pub fn timeout(self, timeout: Duration) -> Self {
            self.limit(|limits| limits.timeout = timeout)
        }

        fn limit(mut self, change: impl FnOnce(&mut HttpLimits)) -> Self {
            let mut limits = self.discovery.http.limits();
            change(&mut limits);
            self.discovery.http.set_limits(limits);
            self
        }
    };
}

pub(super) use claim_name_methods;
pub(super) use limit_methods;
