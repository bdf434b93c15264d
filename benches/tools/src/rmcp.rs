//! Tools in the macros of rmcp.

use std::fmt::Write as _;

use crate::{struct_name, tools};

/// Generates the items of a module: a struct for the arguments of each tool, and the server `Tools`.
///
/// # Panics
///
/// Never: writing to a `String` cannot fail.
#[must_use]
pub fn items(count: usize) -> String {
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
        writeln!(code, "\n#[derive(Deserialize, JsonSchema)]\npub struct {} {{{fields}\n}}", struct_name(tool))
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
            type_name = struct_name(tool),
        )
        .unwrap();
    }
    code.push_str("}\n\n#[tool_handler]\nimpl ServerHandler for Tools {}\n");
    code
}
