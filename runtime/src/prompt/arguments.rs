//! Arguments of a prompt, as `prompts/list` shows them.

use rmcp::model::PromptArgument;
use serde_json::Value;

use crate::operation::ArgumentSchema;

/// Returns the arguments that the schema describes, in the order of the function's parameters. `None` if there are none.
pub(crate) fn listed_arguments(arguments: &ArgumentSchema) -> Option<Vec<PromptArgument>> {
    let schema = arguments.schema();
    let position = |name: &str| arguments.parameters().iter().position(|parameter| parameter.name == name);
    let properties = schema.get("properties").and_then(Value::as_object)?;
    let required = schema.get("required").and_then(Value::as_array);
    let is_required = |name: &str| required.is_some_and(|required| required.iter().any(|known| known == name));
    let mut arguments: Vec<_> = properties
        .iter()
        .map(|(name, schema)| {
            let text = |key: &str| schema.get(key).and_then(Value::as_str).map(str::to_owned);
            let mut argument = PromptArgument::new(name).with_required(is_required(name));
            argument.title = text("title");
            argument.description = text("description");
            argument
        })
        .collect();
    arguments.sort_by_key(|argument| position(&argument.name));
    (!arguments.is_empty()).then_some(arguments)
}
