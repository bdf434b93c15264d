//! Denials of guards.

use std::{error::Error, fmt};

use crate::{auth::InsufficientScope, scope::MissingScopes};

/// Denial of a call by a guard.
///
/// A guard is a `fn` or an `async fn` over parameters of the operation that returns `Result<(), Denied>`. It is called by
/// `guard = ..` of the attribute, so the compiler checks its arguments.
///
/// [`Denied::new`] creates a denial with a message that the model sees. It should not name scopes, because no scope would
/// help. Every other error converts with `?`: it denies the call too, and the model sees only a reference to the log.
/// [`InsufficientScope`], the error of [`Caller::grant`](crate::Caller::grant), becomes the challenge that names the scope.
///
/// ```
/// # use toolgate::prelude::*;
/// # pub static SCOPES: Scopes = Scopes::new(&["payroll:read:all"]);
/// fn own_department(caller: &Caller, department: &str) -> Result<(), Denied> {
///     let own = caller.claims().get("department").and_then(|department| department.as_str());
///     if own == Some(department) {
///         return Ok(());
///     }
///     Err(Denied::new("payroll is available for your own department only"))
/// }
///
/// /// Return the payroll of a department.
/// #[tool(scopes = "payroll:read:all", guard = own_department(caller, &department), read_only)]
/// async fn payroll(department: String) -> String {
///     format!("the payroll of {department}")
/// }
/// # fn main() {}
/// ```
///
/// It does not implement [`std::error::Error`], so that every error can convert into it.
#[derive(Debug)]
pub struct Denied(Denial);

/// Kinds of denial.
#[derive(Debug)]
pub(crate) enum Denial {
    /// A message that the model sees.
    Message(String),
    /// An error of the guard, which only the log shows.
    Error(Box<dyn Error + Send + Sync>),
    /// The guard required a scope that the token lacks; the client can step up.
    InsufficientScope(MissingScopes),
}

impl Denied {
    /// Creates a denial with a message for the model.
    pub fn new(message: impl Into<String>) -> Self {
        Self(Denial::Message(message.into()))
    }

    pub(crate) fn into_denial(self) -> Denial {
        self.0
    }
}

/// The message, if the model may see one.
impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Denial::Message(message) => f.write_str(message),
            Denial::Error(_) => f.write_str("a guard failed"),
            Denial::InsufficientScope(scopes) => {
                write!(f, "the token lacks the scope {}", scopes.missing.join(" "))
            }
        }
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for Denied {
    fn from(error: E) -> Self {
        let error: Box<dyn Error + Send + Sync> = Box::new(error);
        match error.downcast::<InsufficientScope>() {
            Ok(error) => Self(Denial::InsufficientScope(error.0)),
            Err(error) => Self(Denial::Error(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_a_guard_is_not_shown() {
        let denied = Denied::from(std::io::Error::other("the password is swordfish"));
        assert_eq!(denied.to_string(), "a guard failed");
    }
}
