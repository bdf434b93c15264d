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

/// The schema of a tool's arguments `T`, whose one field is a flattened `F`: whether there may be others is for `F` to
/// say. schemars leaves that out, because more fields could stand beside a flattened one.
pub fn flattened_input_schema<T: JsonSchema, F: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = generator.root_schema_for::<T>();
    let additional = F::json_schema(generator).get("additionalProperties").cloned();
    if let Some(additional) = additional.filter(|_| schema.get("unevaluatedProperties").is_none()) {
        schema.insert("additionalProperties".to_owned(), additional);
    }
    schema
}

/// Asks that `T` can be an argument.
pub const fn argument<T: crate::Argument>() {}

/// Asks that `&T` can be given by the server.
pub const fn state<T: Send + Sync + 'static>() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Flattened {
        name: String,
    }

    #[derive(serde::Deserialize, JsonSchema)]
    #[allow(dead_code)]
    struct Arguments {
        #[serde(flatten)]
        flattened: Flattened,
    }

    #[test]
    fn what_a_flattened_type_refuses_is_refused() {
        let generator = &mut SchemaGenerator::default();
        let schema = flattened_input_schema::<Arguments, Flattened>(generator);
        assert_eq!(schema.get("additionalProperties"), Some(&serde_json::json!(false)));
        let open = flattened_input_schema::<Arguments, serde_json::Value>(generator);
        assert_eq!(open.get("additionalProperties"), None);
    }
}
