//! Scopes: the list that a crate declares, the set that a token grants, and the requirement of an operation.
//!
//! This module depends on no other module of the crate.

mod checked_scope;
mod const_message;
mod const_str;
mod marker;
mod requirement;
mod roles;
mod scope_index;
mod scope_set;
mod scopes;
mod unique;

pub use checked_scope::Scope;
#[doc(hidden)]
pub use checked_scope::{check_list, missing, scope};
pub(crate) use const_message::ConstMessage;
pub(crate) use const_str::{equal, nearest};
pub use marker::ScopeMarker;
#[doc(hidden)]
pub use marker::{MarkedScope, check_proof};
pub use requirement::MissingScopes;
pub(crate) use requirement::Requirement;
pub use roles::Roles;
#[doc(hidden)]
pub use roles::{check_role, missing as missing_roles};
pub(crate) use scope_index::ScopeIndex;
pub(crate) use scope_set::ScopeSet;
pub use scopes::Scopes;
