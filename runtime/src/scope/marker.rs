//! Scopes as types, for proofs.

use super::{Scope, Scopes, const_message::ConstMessage};

/// Type that represents a scope in [`Granted`](crate::Granted). Derive it:
///
/// ```
/// use toolgate::prelude::*;
///
/// pub static SCOPES: Scopes = Scopes::new(&["payroll:read:all"]);
///
/// /// Access to salaries.
/// #[derive(ScopeMarker)]
/// #[scope("payroll:read:all")]
/// pub struct PayrollRead;
/// # fn main() {
/// # assert_eq!(PayrollRead::SCOPE.name(), "payroll:read:all");
/// # }
/// ```
///
/// The scope is checked against `crate::SCOPES` at compile time, or against another list with
/// `#[scope("payroll:read:all", in policy::SCOPES)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a scope marker",
    label = "not a scope marker",
    note = "write `#[derive(ScopeMarker)]` and `#[scope(\"..\")]` on the type"
)]
pub trait ScopeMarker: 'static {
    /// The scope that the type represents.
    const SCOPE: Scope;
}

/// A scope that has a marker. `#[derive(ScopeMarker)]` registers one.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct MarkedScope {
    pub(crate) list: &'static Scopes,
    pub(crate) scope: Scope,
}

inventory::collect!(MarkedScope);

impl MarkedScope {
    pub const fn new(list: &'static Scopes, scope: Scope) -> Self {
        Self { list, scope }
    }

    /// Returns every scope of this program that has a marker.
    pub(crate) fn all() -> impl Iterator<Item = &'static Self> {
        inventory::iter::<Self>.into_iter()
    }
}

/// Checks that an operation which declares the scopes `all`, and one of `any`, has the scope that a parameter proves. For
/// generated code; in a constant, a panic is a compile error.
///
/// `all` has the scope if one of them is it or implies it. `any` has it if every alternative does.
#[doc(hidden)]
#[track_caller]
pub const fn check_proof(list: &Scopes, proved: Option<Scope>, all: &[&str], any: &[&str], kind: &str, name: &str) {
    let Some(scope) = proved else { return };
    let scope = scope.name();
    let mut i = 0;
    while i < all.len() {
        if list.includes(all[i], scope) {
            return;
        }
        i += 1;
    }
    let mut alternatives_with_scope = 0;
    while alternatives_with_scope < any.len() && list.includes(any[alternatives_with_scope], scope) {
        alternatives_with_scope += 1;
    }
    if !any.is_empty() && alternatives_with_scope == any.len() {
        return;
    }
    let message =
        ConstMessage::new("the ").push(kind).push(" `").push(name).push("` takes a proof of the scope `").push(scope);
    let message = if any.is_empty() {
        message.push("`, which it does not declare: add it to `scopes` of `#[")
    } else {
        message.push("`, which not every alternative of `any_scope` includes: add it to `scopes` of `#[")
    };
    message.push(kind).push("]`, or remove the parameter and call `caller.grant()?` in the body").panic();
}
