//! What generated code names. Not for anybody else: it changes without notice.

pub use inventory;
pub use schemars;
pub use serde;
pub use serde_json;

use schemars::{JsonSchema, Schema, SchemaGenerator};

pub use crate::{
    scope::{check_list, missing, scope},
    tool::{BodyFuture, Invocation, ParameterSchemas, StateType, ToolDescriptor},
};

/// The schema of a tool's arguments, where they have a type of their own.
pub fn input_schema<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.root_schema_for::<T>()
}

/// Asks that `T` can be an argument.
pub const fn argument<T: crate::Argument>() {}

/// Asks that `&T` can be given by the server.
pub const fn state<T: Send + Sync + 'static>() {}
