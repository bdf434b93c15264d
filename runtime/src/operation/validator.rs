//! Validation of the arguments of a call by a JSON Schema.
//!
//! With the feature `json-schema`, every schema is enforced. Without it, a server has only operations whose schemas the
//! [subset](self::subset) enforces.

#[cfg(feature = "json-schema")]
mod json_schema;
#[cfg(any(not(feature = "json-schema"), test))]
mod subset;

#[cfg(feature = "json-schema")]
pub(crate) use self::json_schema::{ResultValidator, Validator};
#[cfg(not(feature = "json-schema"))]
pub(crate) use self::subset::Validator;
