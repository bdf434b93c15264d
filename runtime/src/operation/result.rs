//! What the function of an operation returns.

use rmcp::model::{CallToolResult, GetPromptResult};

use super::ResourceBody;

/// Result of a tool, a prompt or a resource.
#[doc(hidden)]
#[derive(Debug)]
#[allow(clippy::exhaustive_enums, reason = "generated code creates it")]
pub enum OperationResult {
    Tool(CallToolResult),
    Prompt(GetPromptResult),
    Resource(ResourceBody),
}

impl From<CallToolResult> for OperationResult {
    fn from(result: CallToolResult) -> Self {
        Self::Tool(result)
    }
}

impl From<GetPromptResult> for OperationResult {
    fn from(result: GetPromptResult) -> Self {
        Self::Prompt(result)
    }
}

impl From<ResourceBody> for OperationResult {
    fn from(body: ResourceBody) -> Self {
        Self::Resource(body)
    }
}
