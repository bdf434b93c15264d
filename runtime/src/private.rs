//! What generated code names. Not for anybody else: it changes without notice.

pub use inventory;
pub use schemars;
pub use serde;
pub use serde_json;

use rmcp::model::CallToolResult;
use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::{Scope, ToolError};
pub use crate::{
    scope::{check_list, missing, scope},
    tool::{BodyFuture, Invocation, ParameterSchemas, StateType, ToolDescriptor},
};

/// The scope that is checked right beside: generated code writes a constant `scope(LIST, name)` for each of these. Were
/// the checked constant used itself, the compiler would report a misspelt scope once more for everything that uses it.
pub const fn checked_beside(name: &'static str) -> Scope {
    scope(&missing::SCOPES, name)
}

/// What generated code asks of the type of an argument: schema and value in one trait, so that what is missing is
/// reported once.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a tool",
    label = "arguments come from JSON",
    note = "an argument needs `serde::Deserialize` and `schemars::JsonSchema`: write \
            `#[derive(Deserialize, JsonSchema)]` on its type",
    note = "what the server hands in is taken by reference: `&{Self}`"
)]
pub trait Parameter: Sized {
    /// Adds the schema of this argument.
    fn describe<'a>(schemas: ParameterSchemas<'a>, name: &str, description: &str) -> ParameterSchemas<'a>;

    /// Takes this argument out of the call's.
    fn take(invocation: &mut Invocation<'_>, name: &str) -> Result<Self, ToolError>;
}

impl<T: serde::de::DeserializeOwned + JsonSchema> Parameter for T {
    fn describe<'a>(schemas: ParameterSchemas<'a>, name: &str, description: &str) -> ParameterSchemas<'a> {
        schemas.add::<T>(name, description)
    }

    fn take(invocation: &mut Invocation<'_>, name: &str) -> Result<T, ToolError> {
        invocation.argument(name)
    }
}

/// Begins a body: `read` takes the arguments and calls the author's function.
pub fn start<'a>(read: impl FnOnce() -> Result<BodyFuture<'a>, ToolError>) -> BodyFuture<'a> {
    read().unwrap_or_else(|error| Box::pin(std::future::ready(Err(error))))
}

/// The future of the author's function, and what becomes of its result.
pub fn body<'a, F: Future + Send + 'a>(
    future: F,
    into_result: fn(F::Output) -> Result<CallToolResult, ToolError>,
) -> BodyFuture<'a> {
    Box::pin(async move { into_result(future.await) })
}

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
