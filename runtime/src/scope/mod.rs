//! Scopes: the list that a crate declares, the sets that tokens carry, and what a tool requires.
//!
//! The lowest floor: nothing here knows about tools, tokens or HTTP.

mod checked;
mod index;
mod list;
mod message;
mod requirement;
mod set;
mod text;

pub use checked::Scope;
#[doc(hidden)]
pub use checked::{check_list, missing, scope};
pub(crate) use index::ScopeIndex;
pub use list::Scopes;
pub(crate) use requirement::Requirement;
pub use requirement::Shortfall;
pub use set::ScopeSet;
