//! Policies beyond scopes: guards decide a call by its arguments, visibility rules decide lists and calls.

use std::{fmt, pin::Pin};

use thiserror::Error;

use super::Arguments;
use crate::auth::Caller;

/// Denial of a call by a guard.
///
/// The model sees the message. It should not name scopes, because no scope would help.
///
/// ```
/// # use toolgate::prelude::*;
/// # use toolgate::guard::{Arguments, Denied};
/// # pub static SCOPES: Scopes = Scopes::new(&["payroll:read:all"]);
/// async fn own_department(caller: &Caller, arguments: &Arguments) -> Result<(), Denied> {
///     let department: Option<String> = arguments.get("department").map_err(|_| Denied::new("`department` must be a string"))?;
///     let own = caller.claims().get("department").and_then(|department| department.as_str());
///     match (own, department.as_deref()) {
///         (Some(own), Some(department)) if own == department => Ok(()),
///         _ => Err(Denied::new("payroll is available for your own department only")),
///     }
/// }
///
/// /// Return the payroll of a department.
/// #[tool(scopes = "payroll:read:all", guard = own_department, read_only)]
/// async fn payroll(department: String) -> String {
///     format!("the payroll of {department}")
/// }
/// # fn main() {}
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct Denied {
    message: String,
}

impl Denied {
    /// Creates a denial with a message for the model.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

/// Policy for `#[tool(guard = ..)]`: an `async fn(&Caller, &Arguments) -> Result<(), Denied>`.
///
/// Guards run in order, after the scopes and the arguments have been checked and before the tool's body. A guard that
/// panics or exceeds the tool's time limit denies the call.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a guard",
    label = "not a guard",
    note = "a guard is an `async fn(&Caller, &Arguments) -> Result<(), Denied>`, or a type with `impl Guard`"
)]
pub trait Guard: Send + Sync + 'static {
    /// Decides whether the call may run.
    fn check<'a>(&'a self, caller: &'a Caller, arguments: &'a Arguments) -> GuardFuture<'a>;
}

/// Future of a [`Guard`]'s decision.
pub type GuardFuture<'a> = Pin<Box<dyn Future<Output = Result<(), Denied>> + Send + 'a>>;

/// An `async fn` with two references, in a form that a trait bound can express.
#[doc(hidden)]
pub trait GuardFn<'a>: Send + Sync + 'static {
    type Future: Future<Output = Result<(), Denied>> + Send + 'a;
    fn call(&self, caller: &'a Caller, arguments: &'a Arguments) -> Self::Future;
}

impl<'a, F, Fut> GuardFn<'a> for F
where
    F: Fn(&'a Caller, &'a Arguments) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), Denied>> + Send + 'a,
{
    type Future = Fut;

    fn call(&self, caller: &'a Caller, arguments: &'a Arguments) -> Fut {
        self(caller, arguments)
    }
}

impl<F> Guard for F
where
    F: for<'a> GuardFn<'a>,
{
    fn check<'a>(&'a self, caller: &'a Caller, arguments: &'a Arguments) -> GuardFuture<'a> {
        Box::pin(self.call(caller, arguments))
    }
}

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

impl fmt::Debug for dyn Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guard")
    }
}

impl fmt::Debug for dyn Visibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Visibility")
    }
}
