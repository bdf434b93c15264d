//! Under construction.

// Generated code says `::toolgate`, in this crate too.
extern crate self as toolgate;

pub mod auth;
#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
pub mod propelauth;
mod scope;
mod tool;

pub use auth::{Caller, TokenValidator};
pub use propelauth::PropelAuth;
pub use scope::{Scope, ScopeSet, Scopes};
pub use tool::*;
pub use toolgate_macros::{scope, tool};
