//! Proofs that the caller has a scope.

use std::{fmt, marker::PhantomData};

use super::{Caller, InsufficientScope};
use crate::scope::ScopeMarker;

/// Proof that the caller of the current call has the scope of `S`.
///
/// A function that needs a scope takes a `&Granted<S>`. An operation passes it on as a parameter of its own, which
/// compiles only if it declares the scope, or takes it in its body with [`Caller::grant`]. So a data layer states once what
/// access it needs, and no operation reaches it without that access.
///
/// ```
/// use toolgate::prelude::*;
/// # #[derive(Default)]
/// # struct Payroll;
///
/// pub static SCOPES: Scopes = Scopes::new(&["payroll:read:all"]);
///
/// /// Access to salaries.
/// #[derive(ScopeMarker)]
/// #[scope("payroll:read:all")]
/// pub struct PayrollRead;
///
/// impl Payroll {
///     /// Returns the total of a month. Only a caller with `payroll:read:all` gets here.
///     fn total(&self, _access: &Granted<PayrollRead>, month: u32) -> u32 {
///         month * 1000
///     }
/// }
///
/// /// Return the total payroll of a month.
/// #[tool(scopes = "payroll:read:all", read_only)]
/// async fn payroll_total(month: u32, payroll: &Payroll, access: &Granted<PayrollRead>) -> String {
///     payroll.total(access, month).to_string()
/// }
/// # fn main() {}
/// ```
///
/// It cannot be constructed or cloned, and only references exist, which live as long as the call.
pub struct Granted<S: ScopeMarker>(PhantomData<fn() -> S>);

impl Caller {
    /// Requires a scope in the body of an operation or in a guard, and returns the proof. Return the error with `?`: the
    /// response is then 403 with a challenge that names the scope, so that the client can step up.
    ///
    /// ```
    /// # use toolgate::prelude::*;
    /// # pub static SCOPES: Scopes = Scopes::new(&["employees:read:public", "employees:read:private"]);
    /// #[derive(ScopeMarker)]
    /// #[scope("employees:read:private")]
    /// struct PrivateRecords;
    ///
    /// fn salary(_access: &Granted<PrivateRecords>, employee_id: &str) -> String {
    ///     format!("the salary of {employee_id}")
    /// }
    ///
    /// /// Return an employee's profile, with the salary if it is asked for.
    /// #[tool(scopes = "employees:read:public", read_only)]
    /// async fn profile(employee_id: String, with_salary: bool, caller: &Caller) -> Result<String, ToolError> {
    ///     if with_salary {
    ///         return Ok(salary(caller.grant()?, &employee_id));
    ///     }
    ///     Ok(employee_id)
    /// }
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`InsufficientScope`] if the caller does not have the scope.
    pub fn grant<S: ScopeMarker>(&self) -> Result<&Granted<S>, InsufficientScope> {
        self.require(S::SCOPE)?;
        Ok(const { &Granted(PhantomData) })
    }
}

impl<S: ScopeMarker> fmt::Debug for Granted<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Granted").field(&S::SCOPE).finish()
    }
}
