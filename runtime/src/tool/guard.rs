//! Policy beyond scopes: guards, which see the arguments, and visibility rules, which decide about the list too.

use std::{fmt, pin::Pin};

use thiserror::Error;

use super::Arguments;
use crate::auth::Caller;

/// A guard said no.
///
/// The message is shown to the model; it never names scopes, because no scope would help.
///
/// ```
/// # use toolgate::prelude::*;
/// # use toolgate::guard::{Arguments, Denied};
/// # pub static SCOPES: Scopes = Scopes::new(&["payroll:read:all"]);
/// async fn own_department(caller: &Caller, arguments: &Arguments) -> Result<(), Denied> {
///     let department: Option<String> = arguments.get("department").map_err(|_| Denied::new("unreadable"))?;
///     match caller.org_role() == department.as_deref() {
///         true => Ok(()),
///         false => Err(Denied::new("you can ask about your own department only")),
///     }
/// }
///
/// /// Sum up the payroll of a department.
/// #[tool(scopes = "payroll:read:all", guard = own_department, read_only)]
/// async fn payroll(department: String) -> String {
///     format!("{department} earns enough")
/// }
/// # fn main() {}
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct Denied {
    message: String,
}

impl Denied {
    /// Denied, with a sentence for the model.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

/// What `#[tool(guard = ..)]` takes: an `async fn(&Caller, &Arguments) -> Result<(), Denied>`.
///
/// Guards run in order, after the scopes were found sufficient and the arguments fit the schema, and before the body.
/// A guard that panics or overruns the tool's time limit denies.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no guard",
    label = "not a guard",
    note = "a guard is an `async fn(&Caller, &Arguments) -> Result<(), Denied>`, or a type with `impl Guard`"
)]
pub trait Guard: Send + Sync + 'static {
    /// Whether this call may go on.
    fn check<'a>(&'a self, caller: &'a Caller, arguments: &'a Arguments) -> GuardFuture<'a>;
}

/// What a [`Guard`] answers with.
pub type GuardFuture<'a> = Pin<Box<dyn Future<Output = Result<(), Denied>> + Send + 'a>>;

/// What an `async fn` with two references is, in terms that a trait bound can say.
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

/// What `#[tool(visible_to = ..)]` takes: who may see and call the tool at all, beyond scopes.
///
/// It is asked for `tools/list` and again for each call, without arguments, so a tool that it hides is answered like
/// one that does not exist. A `fn(&Caller) -> bool` is one; [`require_org_role`] and [`require_org`] make others.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no rule about who sees a tool",
    label = "not a visibility rule",
    note = "write `require_org_role(\"Owner\")`, `require_org(\"..\")`, a `fn(&Caller) -> bool`, or a type with `impl Visibility`"
)]
pub trait Visibility: Send + Sync + 'static {
    /// Whether this caller may see and call the tool.
    fn allows(&self, caller: &Caller) -> bool;
}

impl<F: Fn(&Caller) -> bool + Send + Sync + 'static> Visibility for F {
    fn allows(&self, caller: &Caller) -> bool {
        self(caller)
    }
}

/// Only callers with this role in their organization, word for word: `#[tool(.., visible_to = require_org_role("Owner"))]`.
pub const fn require_org_role(role: &'static str) -> OrgRole {
    OrgRole(role)
}

/// Only callers who act for the organization with this ID (a UUID): `#[tool(.., visible_to = require_org("1d2e…"))]`.
pub const fn require_org(id: &'static str) -> Org {
    Org(id)
}

/// Made by [`require_org_role`].
#[derive(Clone, Copy, Debug)]
pub struct OrgRole(&'static str);

impl Visibility for OrgRole {
    fn allows(&self, caller: &Caller) -> bool {
        caller.org_role() == Some(self.0)
    }
}

/// Made by [`require_org`].
#[derive(Clone, Copy, Debug)]
pub struct Org(&'static str);

impl Visibility for Org {
    /// The case of a UUID's digits does not matter (RFC 9562, section 4).
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
