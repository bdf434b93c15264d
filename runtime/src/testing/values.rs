//! Values for unit tests of guards and bodies, which need no server.

use std::sync::Arc;

use serde_json::Value;

use crate::{
    auth::{BearerToken, Caller, Claims},
    guard::Arguments,
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
    let token = BearerToken::parse("test-token").expect("the token is valid");
    Caller::of_token(&token, &claims, Arc::new(ScopeIndex::new([scopes])))
}

/// Creates the arguments of a call, for unit tests of guards. They are not validated against a schema.
///
/// ```
/// use toolgate::{auth::Claims, guard::{Arguments, Denied}, prelude::*, testing};
/// # pub static SCOPES: Scopes = Scopes::new(&["payroll:read"]);
///
/// async fn not_own_salary(caller: &Caller, arguments: &Arguments) -> Result<(), Denied> {
///     let employee: Option<String> = arguments.get("employee_id").map_err(|_| Denied::new("`employee_id` must be a string"))?;
///     if employee.as_deref() == caller.user_id() { Err(Denied::new("ask HR for your own salary")) } else { Ok(()) }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let sam = testing::caller(&SCOPES, Claims::new().subject("sam"));
/// assert!(not_own_salary(&sam, &testing::arguments(json!({ "employee_id": "sam" }))).await.is_err());
/// assert!(not_own_salary(&sam, &testing::arguments(json!({ "employee_id": "harriet" }))).await.is_ok());
/// # }
/// ```
///
/// # Panics
///
/// If `arguments` is not a JSON object.
#[track_caller]
pub fn arguments(arguments: Value) -> Arguments {
    match arguments {
        Value::Object(arguments) => Arguments::new(arguments),
        other => panic!("the arguments of a call are a JSON object, got {other}"),
    }
}
