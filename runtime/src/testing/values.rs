//! Values for unit tests of guards and bodies, which need no server.

use std::sync::Arc;

use crate::{
    auth::{BearerToken, Caller, Claims},
    scope::{ScopeIndex, Scopes},
};

/// Creates the caller of a token with these claims, for unit tests of bodies, guards and visibility rules. `scopes` is
/// the list of the crate.
///
/// ```
/// use toolgate::{auth::Claims, prelude::*, testing};
/// # pub static SCOPES: Scopes = Scopes::new(&["files:read"]);
///
/// fn on_duty(caller: &Caller) -> bool {
///     caller.org_role() == Some("Support") && caller.has(scope!("files:read"))
/// }
///
/// # fn main() {
/// let claims = Claims::new().organization("org", "Support").scopes(["files:read"]);
/// assert!(on_duty(&testing::caller(&SCOPES, claims)));
/// assert!(!on_duty(&testing::caller(&SCOPES, Claims::new())));
/// # }
/// ```
///
/// # Panics
///
/// Never: the token of the caller is valid.
#[expect(clippy::needless_pass_by_value, reason = "the call is as short as that of `TestServer::as_caller`")]
pub fn caller(scopes: &'static Scopes, claims: Claims) -> Caller {
    caller_of(&claims, Arc::new(ScopeIndex::new([scopes])))
}

/// Creates the caller of a token with these claims, on a server with these scopes.
pub(super) fn caller_of(claims: &Claims, scopes: Arc<ScopeIndex>) -> Caller {
    let token = BearerToken::parse("test-token").expect("the token is valid");
    Caller::of_token(&token, claims, scopes)
}
