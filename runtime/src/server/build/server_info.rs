//! What the server declares about itself.

use rmcp::model::{
    Implementation, JsonObject, PromptsCapability, ResourcesCapability, ServerCapabilities, ServerConfig,
    TASKS_EXTENSION_ID, ToolsCapability,
};

use crate::{
    mcp,
    registry::{ListKind, Registry},
};

/// Returns what the server declares about itself. A capability is declared exactly if the server has operations of its kind;
/// a server without any operations declares tools.
pub(super) fn server_info(
    registry: &Registry,
    mut implementation: Implementation,
    title: Option<String>,
    instructions: Option<String>,
    has_tasks: bool,
) -> ServerConfig {
    implementation.title = title;
    let mut capabilities = ServerCapabilities::default();
    capabilities.tools = registry.serves(ListKind::Tools).then(ToolsCapability::default);
    capabilities.prompts = registry.serves(ListKind::Prompts).then(PromptsCapability::default);
    capabilities.resources = registry.serves(ListKind::Resources).then(ResourcesCapability::default);
    capabilities.completions = registry.has_completions().then(crate::JsonObject::default);
    mcp::declare_notifications(&mut capabilities);
    if has_tasks {
        capabilities.extensions.get_or_insert_default().insert(TASKS_EXTENSION_ID.to_owned(), JsonObject::new());
    }
    let mut info = ServerConfig::new(capabilities);
    info.server_info = implementation;
    info.instructions = instructions;
    info
}
