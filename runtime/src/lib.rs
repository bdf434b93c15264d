//! Under construction.
extern crate self as toolgate;

pub mod auth;
mod scope;

pub use auth::{Caller, TokenValidator};
pub use scope::{Scope, ScopeSet, Scopes};
