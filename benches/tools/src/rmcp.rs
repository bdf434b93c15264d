//! Tools and prompts in the macros of rmcp, and resources, for which rmcp has no macro.

use std::fmt::Write as _;

use crate::{Prompt, Resource, prompts, resources, struct_name, tools};

/// Generates the items of a module with tools only: a struct for the arguments of each tool, and the server `Tools`.
#[must_use]
pub fn items(count: usize) -> String {
    tool_items(count) + "\n#[tool_handler]\nimpl ServerHandler for Tools {}\n"
}

/// Generates the items of a module with tools, prompts and resources. The resources are listed by the function
/// `resources` and read by the function `text_of`.
#[must_use]
pub fn server_items(count: usize) -> String {
    tool_items(count)
        + &prompt_items()
        + &resource_items()
        + "\n#[tool_handler]\n#[prompt_handler]\nimpl ServerHandler for Tools {\n    super::resource_handler!(resources());\n}\n"
}

fn tool_items(count: usize) -> String {
    let tools = tools(count);
    let mut code = String::from(
        "use rmcp::{ServerHandler, handler::server::wrapper::Parameters, tool, tool_handler, tool_router};\n\
         use schemars::JsonSchema;\nuse serde::Deserialize;\n",
    );
    for tool in &tools {
        let mut fields = String::new();
        for argument in &tool.arguments {
            write!(fields, "\n    /// {}\n    {}: {},", argument.description, argument.name, argument.rust_type)
                .unwrap();
        }
        writeln!(code, "\n#[derive(Deserialize, JsonSchema)]\npub struct {} {{{fields}\n}}", struct_name(&tool.name))
            .unwrap();
    }
    code.push_str("\n#[derive(Clone)]\npub struct Tools;\n\n#[tool_router]\nimpl Tools {\n");
    for tool in &tools {
        let names: Vec<_> = tool.arguments.iter().map(|argument| argument.name).collect();
        writeln!(
            code,
            "    #[tool(description = {:?}, annotations(read_only_hint = true))]\n    \
             async fn {}(&self, Parameters({type_name} {{ {} }}): Parameters<{type_name}>) -> String {{\n        \
             {}\n    }}\n",
            tool.description,
            tool.name,
            names.join(", "),
            tool.body,
            type_name = struct_name(&tool.name),
        )
        .unwrap();
    }
    code.push_str("}\n");
    code
}

fn prompt_items() -> String {
    let mut code = String::from(
        "use rmcp::{model::{PromptMessage, Role}, prompt, prompt_handler, prompt_router};\n\
         \n#[prompt_router]\nimpl Tools {\n",
    );
    let mut structs = String::new();
    for prompt in prompts() {
        let type_name = struct_name(&prompt.name);
        writeln!(
            structs,
            "\n#[derive(Deserialize, JsonSchema)]\npub struct {type_name} {{\n    /// {}\n    record_id: String,\n}}",
            Prompt::RECORD_ID
        )
        .unwrap();
        writeln!(
            code,
            "    #[prompt(description = {:?})]\n    \
             async fn {}(&self, Parameters({type_name} {{ record_id }}): Parameters<{type_name}>) -> Vec<PromptMessage> {{\n        \
             vec![PromptMessage::new_text(Role::User, {})]\n    }}\n",
            prompt.description,
            prompt.name,
            Prompt::BODY,
        )
        .unwrap();
    }
    code.push_str("}\n");
    structs + &code
}

fn resource_items() -> String {
    let mut list = String::new();
    let mut texts = String::new();
    for resource in resources() {
        let Resource { uri, name, description, text, .. } = resource;
        writeln!(
            list,
            "        rmcp::model::Resource::new({uri:?}, {name:?}).with_description({description:?})\
             .with_mime_type(MIME_TYPE),",
        )
        .unwrap();
        writeln!(texts, "        {uri:?} => {text:?},").unwrap();
    }
    format!(
        "\npub const MIME_TYPE: &str = {:?};\n\npub fn resources() -> Vec<rmcp::model::Resource> {{\n    vec![\n{list}    ]\n}}\n\
         \npub fn text_of(uri: &str) -> Option<&'static str> {{\n    Some(match uri {{\n{texts}        _ => return None,\n    }})\n}}\n",
        Resource::MIME_TYPE
    )
}
