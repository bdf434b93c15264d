//! What generated code names. Not for anybody else: it changes without notice.

pub use inventory;
pub use schemars;
pub use serde;

use schemars::{JsonSchema, Schema, SchemaGenerator};

pub use crate::{
    scope::{check_list, missing, scope},
    tool::{BodyFuture, Invocation, StateType, ToolDescriptor},
};

/// The arguments of a tool that has none.
#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoArguments {}

/// The schema of a tool's arguments.
pub fn input_schema<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.root_schema_for::<T>()
}

/// Asks that `T` can be an argument.
pub const fn argument<T: crate::Argument>() {}

/// Asks that `&T` can be given by the server.
pub const fn state<T: Send + Sync + 'static>() {}
