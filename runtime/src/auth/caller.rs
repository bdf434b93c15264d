//! Who calls, and with which scopes.

use std::{fmt, sync::Arc, time::SystemTime};

use serde_json::{Map, Value};
use thiserror::Error;

use super::{Claims, compact_claims::CompactClaims, revocation_clock::TokenOwner};
use crate::scope::{MissingScopes, Scope, ScopeIndex, ScopeSet};

/// The caller of a tool: what the authorization server says of the token. Never the token itself.
///
/// A tool takes it as `&Caller`:
///
/// ```
/// # use toolgate::prelude::*;
/// # pub static SCOPES: Scopes = Scopes::new(&["employees:read:public"]);
/// /// Say who is calling.
/// #[tool(authenticated, read_only)]
/// async fn whoami(caller: &Caller) -> String {
///     format!("You are {}.", caller.user_id().unwrap_or("nobody that the token names"))
/// }
/// # fn main() {}
/// ```
#[derive(Clone)]
pub struct Caller {
    claims: CompactClaims,
    granted: ScopeSet,
    index: Arc<ScopeIndex>,
}

impl Caller {
    pub(crate) fn new(claims: &Claims, index: Arc<ScopeIndex>) -> Self {
        let granted = index.expand(claims.scopes.iter().map(String::as_str));
        Self { claims: CompactClaims::new(claims), granted, index }
    }

    /// The user's ID (`sub`), if the token has one. A token that a machine got for itself may have none.
    pub fn user_id(&self) -> Option<&str> {
        self.claims.subject()
    }

    /// The OAuth client that holds the token, if the answer named it.
    pub fn client_id(&self) -> Option<&str> {
        self.claims.client_id()
    }

    /// A name for people to read, such as an e-mail address, if the answer had one.
    pub fn username(&self) -> Option<&str> {
        self.claims.username()
    }

    /// The organization that the user acted for when they consented.
    pub fn org_id(&self) -> Option<&str> {
        self.claims.org_id()
    }

    /// The user's role in that organization.
    pub fn org_role(&self) -> Option<&str> {
        self.claims.org_role()
    }

    /// When the token ends.
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.claims.expires_at()
    }

    /// Everything that the authorization server answered.
    pub fn claims(&self) -> &Map<String, Value> {
        self.claims.map()
    }

    /// The scopes of this caller that the server knows, implied ones included, in the order of the server's list.
    pub fn scopes(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.granted.bits().filter_map(|bit| self.index.names().get(bit).copied())
    }

    /// Whether the caller has a scope, itself or by another that implies it.
    pub fn has(&self, scope: Scope) -> bool {
        self.index.bit(scope.name()).is_some_and(|bit| self.granted.contains(bit))
    }

    /// Asks for one more scope, for what depends on the arguments or the data. A refusal, passed on with `?`, is
    /// answered like one at the gate: 403 with a challenge that names the scope, so a client can step up.
    ///
    /// ```
    /// # use toolgate::prelude::*;
    /// # pub static SCOPES: Scopes = Scopes::new(&["employees:read:public", "employees:read:private"]);
    /// /// Search for employees.
    /// #[tool(scopes = "employees:read:public", read_only)]
    /// async fn employee_search(query: String, with_salary: bool, caller: &Caller) -> Result<String, ToolError> {
    ///     if with_salary {
    ///         caller.require(scope!("employees:read:private"))?;
    ///     }
    ///     Ok(format!("nobody is called {query}"))
    /// }
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// [`InsufficientScope`] if the caller does not have it.
    pub fn require(&self, scope: Scope) -> Result<(), InsufficientScope> {
        if self.has(scope) {
            return Ok(());
        }
        Err(InsufficientScope(MissingScopes { required: vec![scope.name()], missing: vec![scope.name()] }))
    }

    pub(crate) fn is_expired(&self, now: SystemTime) -> bool {
        self.expires_at().is_some_and(|end| end <= now)
    }

    /// Whose access it is that a revocation can end.
    pub(crate) fn owner(&self) -> TokenOwner<'_> {
        TokenOwner { user: self.user_id(), org: self.org_id() }
    }

    /// About how many bytes are kept for this caller.
    pub(crate) fn weight(&self) -> u32 {
        self.claims.weight()
    }

    pub(crate) fn granted(&self) -> &ScopeSet {
        &self.granted
    }
}

/// The raw answer stays out: who logs a caller wants to know who it was, not everything that is known of them.
impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller")
            .field("user_id", &self.user_id())
            .field("client_id", &self.client_id())
            .field("org_id", &self.org_id())
            .field("org_role", &self.org_role())
            .field("scopes", &self.scopes().collect::<Vec<_>>())
            .field("expires_at", &self.expires_at())
            .finish_non_exhaustive()
    }
}

/// The caller's token lacks a scope that the tool's body asked for.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the token lacks the scope {}", .0.missing.join(" "))]
pub struct InsufficientScope(pub(crate) MissingScopes);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scope::{Scopes, scope};

    static SCOPES: Scopes = Scopes::new(&["all", "read", "write"]).implies("all", &["read"]);
    const READ: Scope = scope(&SCOPES, "read");
    const WRITE: Scope = scope(&SCOPES, "write");

    fn caller(scopes: &[&str]) -> Caller {
        let index = Arc::new(ScopeIndex::new([&SCOPES]));
        Caller::new(&Claims::new().scopes(scopes.iter().copied()), index)
    }

    #[test]
    fn has_and_require_see_implied_scopes() {
        let caller = caller(&["all", "of another server"]);
        assert!(caller.has(READ));
        assert_eq!(caller.require(READ), Ok(()));
        assert_eq!(caller.scopes().collect::<Vec<_>>(), ["all", "read"]);
        assert!(!caller.has(WRITE));
        assert_eq!(caller.require(WRITE).unwrap_err().0.missing, ["write"]);
    }
}
