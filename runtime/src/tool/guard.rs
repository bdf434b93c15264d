//! Guards: policies that decide a call by its arguments.

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

impl fmt::Debug for dyn Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guard")
    }
}
