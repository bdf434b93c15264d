//! Prompts of the suite.

use toolgate::{
    content::{self, Content, PromptMessage, ResourceContents, Role},
    input::Form,
    prelude::*,
};

/// A prompt without arguments.
#[prompt(scopes = "conformance:prompts")]
async fn test_simple_prompt() -> &'static str {
    "This is a simple prompt for testing."
}

/// Values of the first argument that begin with what was typed.
fn words(value: &str) -> Vec<&'static str> {
    ["paris", "park", "party"].into_iter().filter(|known| known.starts_with(value)).collect()
}

/// A prompt with two arguments.
#[prompt(scopes = "conformance:prompts")]
async fn test_prompt_with_arguments(
    /// First argument.
    #[arg(complete = words)]
    arg1: String,
    /// Second argument.
    arg2: String,
) -> String {
    format!("Prompt with arguments: arg1='{arg1}', arg2='{arg2}'")
}

/// A prompt with the contents of a resource.
#[prompt(scopes = "conformance:prompts", name = "test_prompt_with_embedded_resource")]
async fn embedded_resource(
    /// URI of the resource.
    #[serde(rename = "resourceUri")]
    resource_uri: String,
) -> Vec<PromptMessage> {
    let contents = ResourceContents::text("Embedded resource content for testing.", resource_uri);
    vec![
        PromptMessage::new(Role::User, Content::resource(contents)),
        PromptMessage::new_text(Role::User, "Please process the embedded resource above."),
    ]
}

/// A prompt with an image.
#[prompt(scopes = "conformance:prompts")]
async fn test_prompt_with_image() -> Vec<Content> {
    vec![
        Content::Image(content::image(crate::tools::PIXEL, "image/png")),
        Content::text("Please analyze the image above."),
    ]
}

/// Context that the user provides.
#[derive(Deserialize, JsonSchema, Form)]
struct UserContext {
    context: String,
}

/// A prompt that asks the user for its context.
#[prompt(scopes = "conformance:prompts")]
async fn test_input_required_result_prompt(context: &Context) -> Result<String, ToolError> {
    let UserContext { context } = context.ask("What is the context?").await?;
    Ok(format!("Use this context: {context}"))
}
