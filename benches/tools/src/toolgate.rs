//! Tools, prompts and resources in the macros of toolgate.

use std::fmt::Write as _;

use crate::{Prompt, Resource, prompts, resources, tools};

/// Generates the items of a module: the tools, and their scopes in `SCOPES`.
///
/// # Panics
///
/// Never: writing to a `String` cannot fail.
#[must_use]
pub fn items(count: usize) -> String {
    let tools = tools(count);
    let scopes: Vec<_> = tools.iter().map(|tool| format!("{:?}", tool.scope)).collect();
    let mut code = String::from("use toolgate::prelude::*;\n");
    writeln!(code, "/// A scope for each tool.\npub static SCOPES: Scopes = Scopes::new(&[{}]);", scopes.join(", "))
        .unwrap();
    for tool in &tools {
        let mut arguments = String::new();
        for argument in &tool.arguments {
            write!(arguments, "\n    /// {}\n    {}: {},", argument.description, argument.name, argument.rust_type)
                .unwrap();
        }
        writeln!(
            code,
            "\n/// {}\n#[tool(scopes = {:?}, scopes_in = SCOPES, read_only)]\n\
             async fn {}({arguments}\n) -> String {{\n    {}\n}}",
            tool.description, tool.scope, tool.name, tool.body
        )
        .unwrap();
    }
    code
}

/// Generates the prompts and resources of a module, next to its tools. They use the scopes of the tools.
///
/// # Panics
///
/// Never: writing to a `String` cannot fail.
#[must_use]
pub fn other_items() -> String {
    let mut code = String::new();
    for prompt in prompts() {
        writeln!(
            code,
            "\n/// {}\n#[prompt(scopes = {:?}, scopes_in = SCOPES)]\n\
             async fn {}(\n    /// {}\n    record_id: String,\n) -> String {{\n    {}\n}}",
            prompt.description,
            prompt.scope,
            prompt.name,
            Prompt::RECORD_ID,
            Prompt::BODY
        )
        .unwrap();
    }
    for resource in resources() {
        writeln!(
            code,
            "\n/// {}\n#[resource(uri = {:?}, scopes = {:?}, scopes_in = SCOPES, mime_type = {:?})]\n\
             async fn {}() -> &'static str {{\n    {:?}\n}}",
            resource.description,
            resource.uri,
            resource.scope,
            Resource::MIME_TYPE,
            resource.name,
            resource.text
        )
        .unwrap();
    }
    code
}
