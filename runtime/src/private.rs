//! Items that generated code uses. They are not part of the public API and change without notice.

pub use inventory;
pub use schemars;
pub use serde;
pub use serde_json;
pub use toolgate_macros::register;

use schemars::{JsonSchema, SchemaGenerator};

pub use crate::operation::{FormContent, FormType, RegisteredForm, form_content};
use crate::{Scope, ToolError};
pub use crate::{
    operation::{
        BodyFuture, CallSteps, Completion, CompletionFuture, CompletionInvocation, ConditionalScopes, InputSchema,
        Invocation, OperationDescriptor, OperationResult, ParameterSchemas, Provided, Reference, ReferenceTo,
        StateType, VisibilityRule, check_reference, completion,
    },
    resource::check_uri,
    scope::{MarkedScope, check_list, check_proof, check_role, missing, missing_roles, scope},
};

/// Returns a scope without checking it. Generated code checks the same name with a constant `scope(LIST, "LIST", name)`.
/// If it used that constant itself, the compiler would report a misspelled scope once more for every use.
pub const fn scope_unchecked(name: &'static str) -> Scope {
    scope(&missing::SCOPES, "SCOPES", name)
}

/// Type of an argument: its schema and its value.
///
/// It is one trait, and its implementation is not recommended, so that a type without `Deserialize`, `JsonSchema` or both
/// is one compile error.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument",
    label = "arguments are deserialized from what the client sends",
    note = "an argument needs `serde::Deserialize` and `schemars::JsonSchema`: write \
            `#[derive(Deserialize, JsonSchema)]` on the type, or enable the feature of toolgate for its crate (`chrono`, \
            `uuid`, `url`)",
    note = "if the server provides this value, take it by reference: `&{Self}` (pass state of your own to `Server::state`)"
)]
pub trait Parameter: Sized {
    /// Adds the schema of the argument.
    fn describe<'a>(schemas: ParameterSchemas<'a>, name: &str, description: &str) -> ParameterSchemas<'a>;

    /// Deserializes the argument of a call.
    fn take(invocation: &mut Invocation<'_>, name: &str) -> Result<Self, ToolError>;
}

#[diagnostic::do_not_recommend]
impl<T: serde::de::DeserializeOwned + JsonSchema> Parameter for T {
    fn describe<'a>(schemas: ParameterSchemas<'a>, name: &str, description: &str) -> ParameterSchemas<'a> {
        schemas.add::<T>(name, description)
    }

    fn take(invocation: &mut Invocation<'_>, name: &str) -> Result<T, ToolError> {
        invocation.argument(name)
    }
}

/// Returns the future that `call` creates, or a future that is ready with its error. `call` reads the arguments and
/// calls the annotated function.
pub fn start<'a>(call: impl FnOnce() -> Result<BodyFuture<'a>, ToolError>) -> BodyFuture<'a> {
    call().unwrap_or_else(|error| Box::pin(std::future::ready(Err(error))))
}

/// Returns a future that starts the body, runs the annotated function and converts its output to a call result.
pub fn body<'a, F: Future + Send + 'a, R: Into<OperationResult> + 'a>(
    steps: CallSteps<'a>,
    function: F,
    into_result: fn(F::Output) -> Result<R, ToolError>,
) -> BodyFuture<'a> {
    Box::pin(async move {
        let _permit = steps.start_body().await?;
        into_result(function.await).map(Into::into)
    })
}

/// Returns a future that runs the guards of an operation, and then its body.
pub fn guarded_body<'a, R: Into<OperationResult>>(
    future: impl Future<Output = Result<R, ToolError>> + Send + 'a,
) -> BodyFuture<'a> {
    Box::pin(async move { future.await.map(Into::into) })
}

/// Returns the input schema of an operation whose arguments are the fields of `T`.
pub fn input_schema<T: JsonSchema>(generator: &mut SchemaGenerator) -> InputSchema {
    InputSchema { schema: generator.root_schema_for::<T>(), parameters: Vec::new() }
}

/// Returns the input schema of an operation whose only argument, in `T`, is a flattened `F`. The schema takes
/// `additionalProperties` from `F`; schemars omits it, because a struct can have fields next to a flattened one.
pub fn flattened_input_schema<T: JsonSchema, F: JsonSchema>(generator: &mut SchemaGenerator) -> InputSchema {
    let mut schema = generator.root_schema_for::<T>();
    let additional = F::json_schema(generator).get("additionalProperties").cloned();
    if let Some(additional) = additional.filter(|_| schema.get("unevaluatedProperties").is_none()) {
        schema.insert("additionalProperties".to_owned(), additional);
    }
    InputSchema { schema, parameters: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only the schema is used")]
    struct Flattened {
        name: String,
    }

    #[derive(serde::Deserialize, JsonSchema)]
    #[allow(dead_code, reason = "only the schema is used")]
    struct Arguments {
        #[serde(flatten)]
        flattened: Flattened,
    }

    #[test]
    fn a_flattened_type_decides_about_additional_properties() {
        let generator = &mut SchemaGenerator::default();
        let schema = flattened_input_schema::<Arguments, Flattened>(generator);
        assert_eq!(schema.schema.get("additionalProperties"), Some(&serde_json::json!(false)));
        let open = flattened_input_schema::<Arguments, serde_json::Value>(generator);
        assert_eq!(open.schema.get("additionalProperties"), None);
    }
}
