//! Authenticated caller of a request.

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::SystemTime,
};

use serde_json::{Map, Value};
use thiserror::Error;

#[cfg(feature = "rates")]
use super::identity::RateSubject;
use super::{
    BearerToken, Claims, DirectoryError, IdentityProvider, Profile, ProviderToken, UserDirectory,
    identity::{Identity, Principal},
    revocation_clock::TokenOwner,
};
use crate::scope::{MissingScopes, Scope, ScopeIndex, ScopeSet};

/// Authenticated identity of a request: the claims of its token, without the token.
///
/// A tool, a prompt or a resource receives it as a parameter of type `&Caller`:
///
/// ```
/// # use toolgate::prelude::*;
/// # pub static SCOPES: Scopes = Scopes::new(&["employees:read:public"]);
/// /// Return the ID of the caller.
/// #[tool(authenticated, read_only)]
/// async fn whoami(caller: &Caller) -> String {
///     format!("You are {}.", caller.user_id().unwrap_or("a service account"))
/// }
/// # fn main() {}
/// ```
pub struct Caller {
    identity: Arc<Identity>,
    /// Directory of the server, if it has one.
    directory: Option<Arc<UserDirectory>>,
    /// The introspection response as a map, from its first use by the request until the end of the request.
    claims: OnceLock<Arc<Map<String, Value>>>,
}

impl Caller {
    /// Creates the caller of a token with these claims.
    pub(crate) fn of_token(token: &BearerToken, claims: &Claims, index: Arc<ScopeIndex>) -> Self {
        Arc::new(Identity::new(token, claims, index)).into()
    }

    /// Sets the directory of the server, if it has one.
    pub(crate) fn with_directory(mut self, directory: Option<Arc<UserDirectory>>) -> Self {
        self.directory = directory;
        self
    }

    /// Creates the caller of the same token for each call.
    #[cfg(test)]
    pub(crate) fn new(claims: &Claims, index: Arc<ScopeIndex>) -> Self {
        Self::of_token(&BearerToken::parse("token").expect("the token is valid"), claims, index)
    }

    pub(crate) fn identity(&self) -> &Arc<Identity> {
        &self.identity
    }

    /// Returns whom the request acts for.
    pub(crate) fn principal(&self) -> Principal<'_> {
        self.identity.principal()
    }

    /// Returns the namespace of the user's ID.
    pub(crate) fn user_namespace(&self) -> &super::UserNamespace {
        self.identity.claims.user_namespace()
    }

    /// Returns whom a rate counts the request for.
    #[cfg(feature = "rates")]
    pub(crate) fn rate_subject(&self) -> RateSubject<'_> {
        self.identity.rate_subject()
    }

    /// Returns the user's ID (`sub`). `None` if the token acts for no user, as with the client credentials grant.
    pub fn user_id(&self) -> Option<&str> {
        self.identity.claims.subject()
    }

    /// Returns the ID of the OAuth client that the token was issued to, if the introspection response has one.
    pub fn client_id(&self) -> Option<&str> {
        self.identity.claims.client_id()
    }

    /// Returns the human-readable name of the user, such as an e-mail address, if the introspection response has one.
    pub fn username(&self) -> Option<&str> {
        self.identity.claims.username()
    }

    /// Returns the ID of the organization that the user selected when they authorized the client.
    pub fn org_id(&self) -> Option<&str> {
        self.identity.claims.org_id()
    }

    /// Returns the user's role in that organization.
    pub fn org_role(&self) -> Option<&str> {
        self.identity.claims.org_role()
    }

    /// Returns the time until which the server accepts the token. For a JWT, it is `exp` plus the accepted difference of the
    /// clocks.
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.identity.claims.expires_at()
    }

    /// Returns the complete introspection response. The first call in a request parses it.
    pub fn claims(&self) -> &Map<String, Value> {
        self.claims.get_or_init(|| self.identity.claims.raw())
    }

    /// Returns the record of the user in the directory, such as PropelAuth's backend API: e-mail address, names, properties,
    /// and roles in all organizations, with inherited and additional ones.
    ///
    /// The first call sends a request; concurrent calls share it. The record is cached for a minute, and until a revocation
    /// concerns the user.
    ///
    /// ```
    /// # use toolgate::prelude::*;
    /// # pub static SCOPES: Scopes = Scopes::new(&["employees:read:public"]);
    /// /// Greet the caller.
    /// #[tool(authenticated, read_only)]
    /// async fn greet(caller: &Caller) -> Result<String, ToolError> {
    ///     let profile = caller.profile().await?;
    ///     Ok(format!("Hello {}.", profile.first_name.as_deref().unwrap_or("there")))
    /// }
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// [`DirectoryError`] says what is missing: the user, the record, the directory, or the response.
    pub async fn profile(&self) -> Result<Arc<Profile>, DirectoryError> {
        let (directory, user) = self.directory()?;
        directory.profile(user).await
    }

    /// Returns an access token of the user at an identity provider with which they logged in, so that an operation acts
    /// there as the person and not as a service account.
    ///
    /// The token is cached for at most a minute, never until it expires, and until a revocation concerns the user. It is
    /// a secret of the user: do not return or log it.
    ///
    /// ```
    /// # use toolgate::prelude::*;
    /// use toolgate::propelauth::Google;
    /// # pub static SCOPES: Scopes = Scopes::new(&["calendar:read"]);
    ///
    /// /// List the caller's appointments of today.
    /// #[tool(scopes = "calendar:read", read_only)]
    /// async fn appointments(caller: &Caller) -> Result<String, ToolError> {
    ///     let token = caller.provider_token::<Google>().await?;
    ///     // Send `Authorization: Bearer {token.expose()}` to Google's API.
    ///     Ok(format!("a token with {} scopes", token.granted_scopes().len()))
    /// }
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// [`DirectoryError::NotFound`] if the user did not log in with the provider; the other variants as for
    /// [`profile`](Self::profile).
    pub async fn provider_token<P: IdentityProvider>(&self) -> Result<Arc<ProviderToken>, DirectoryError> {
        let (directory, user) = self.directory()?;
        directory.provider_token(user, P::NAME).await
    }

    fn directory(&self) -> Result<(&UserDirectory, &str), DirectoryError> {
        let user = self.user_id().filter(|user| !user.is_empty()).ok_or(DirectoryError::NoUser)?;
        // The ID of a user of another validator would be taken for that of a user of the directory.
        let directory = self.directory.as_deref().filter(|directory| directory.users() == *self.user_namespace());
        let directory = directory.ok_or(DirectoryError::NoDirectory)?;
        Ok((directory, user))
    }

    /// Returns the caller's scopes that are in the server's list, including implied scopes, in the order of the list.
    pub fn scopes(&self) -> impl Iterator<Item = &'static str> + '_ {
        let Identity { granted, index, .. } = &*self.identity;
        granted.bits().filter_map(|bit| index.names().get(bit).copied())
    }

    /// Returns whether the caller has a scope, directly or through a scope that implies it.
    pub fn has(&self, scope: Scope) -> bool {
        self.has_name(scope.name())
    }

    /// Returns whether the caller has the scope with this name.
    pub(crate) fn has_name(&self, scope: &str) -> bool {
        self.identity.index.bit(scope).is_some_and(|bit| self.granted().contains(bit))
    }

    /// Returns the name of a scope as the server declares it.
    pub(crate) fn scope_name(&self, scope: &str) -> Option<&'static str> {
        self.identity.index.bit(scope).map(|bit| self.identity.index.names()[bit])
    }

    /// Requires a scope in the body of an operation, for access that depends on arguments or data. Return the error with
    /// `?`: the response is then 403 with a challenge that names the scope, as for the scopes of the attribute, so
    /// that the client can step up.
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
    ///     Ok(format!("no employees match {query}"))
    /// }
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`InsufficientScope`] if the caller does not have the scope.
    pub fn require(&self, scope: Scope) -> Result<(), InsufficientScope> {
        if self.has(scope) {
            return Ok(());
        }
        Err(InsufficientScope(MissingScopes { required: vec![scope.name()], missing: vec![scope.name()] }))
    }

    pub(crate) fn is_expired(&self, now: SystemTime) -> bool {
        self.identity.is_expired(now)
    }

    /// Returns the user and organization by which a revocation can end this caller's access.
    pub(crate) fn owner(&self) -> TokenOwner<'_> {
        self.identity.owner()
    }

    pub(crate) fn granted(&self) -> &ScopeSet {
        &self.identity.granted
    }
}

impl From<Arc<Identity>> for Caller {
    fn from(identity: Arc<Identity>) -> Self {
        Self { identity, directory: None, claims: OnceLock::new() }
    }
}

/// Omits `username`, the introspection response and the digest of the token, so that a log of callers contains no
/// personal data beyond the IDs.
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

/// The caller's token lacks a scope that the body of an operation requires; see [`Caller::require`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the token lacks the scope {}", .0.missing.join(" "))]
pub struct InsufficientScope(pub(crate) MissingScopes);

impl InsufficientScope {
    /// Returns the required and the missing scopes.
    pub fn scopes(&self) -> &MissingScopes {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scope::{Scopes, scope};

    static SCOPES: Scopes = Scopes::new(&["all", "read", "write"]).implies("all", &["read"]);
    const READ: Scope = scope(&SCOPES, "SCOPES", "read");
    const WRITE: Scope = scope(&SCOPES, "SCOPES", "write");

    fn caller(scopes: &[&str]) -> Caller {
        let index = Arc::new(ScopeIndex::new([&SCOPES]));
        Caller::new(&Claims::new().scopes(scopes.iter().copied()), index)
    }

    #[test]
    fn a_user_is_one_principal_and_a_token_without_a_user_is_another() {
        let caller = |token: &str, claims: &Claims| {
            Caller::of_token(&BearerToken::parse(token).unwrap(), claims, Arc::default())
        };
        let user = Claims::new().subject("harriet").organization("company", "HR");
        assert!(caller("one", &user).principal() == caller("two", &user).principal());
        for anonymous in [Claims::new(), Claims::new().subject(""), Claims::new().organization("company", "HR")] {
            assert!(caller("one", &anonymous).principal() == caller("one", &anonymous).principal());
            assert!(caller("one", &anonymous).principal() != caller("two", &anonymous).principal());
        }
    }

    #[test]
    fn debug_shows_neither_the_token_nor_its_digest() {
        let [one, two] = ["one", "two"].map(|token| {
            let caller = Caller::of_token(&BearerToken::parse(token).unwrap(), &Claims::new(), Arc::default());
            assert!(matches!(caller.principal(), Principal::Token(_)));
            format!("{caller:?}")
        });
        assert_eq!(one, two);
    }

    #[test]
    fn has_and_require_include_implied_scopes() {
        let caller = caller(&["all", "scope of another server"]);
        assert!(caller.has(READ));
        assert_eq!(caller.require(READ), Ok(()));
        assert_eq!(caller.scopes().collect::<Vec<_>>(), ["all", "read"]);
        assert!(!caller.has(WRITE));
        assert_eq!(caller.require(WRITE).unwrap_err().0.missing, ["write"]);
    }
}
