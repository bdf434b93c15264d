//! Generates the tools for the builder of tower-mcp.

use std::{env, fmt::Write as _, fs, path::Path};

use toolgate_bench_tools::{SIZES, struct_name, tools};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let mut code = String::new();
    for size in SIZES {
        let tools = tools(size);
        writeln!(
            code,
            "pub mod tools_{size} {{\nuse schemars::JsonSchema;\nuse serde::Deserialize;\n\
             use tower_mcp::{{CallToolResult, McpRouter, ToolBuilder}};"
        )
        .unwrap();
        for tool in &tools {
            let mut fields = String::new();
            for argument in &tool.arguments {
                write!(fields, "\n/// {}\n{}: {},", argument.description, argument.name, argument.rust_type).unwrap();
            }
            writeln!(
                code,
                "#[derive(Debug, Deserialize, JsonSchema)]\npub struct {} {{{fields}\n}}",
                struct_name(&tool.name)
            )
            .unwrap();
        }
        code.push_str("pub fn router(mut router: McpRouter) -> McpRouter {\n");
        for tool in &tools {
            let names: Vec<_> = tool.arguments.iter().map(|argument| argument.name).collect();
            let type_name = struct_name(&tool.name);
            writeln!(
                code,
                "router = router.tool(ToolBuilder::new({:?}).description({:?}).read_only()\n\
                 .handler(|arguments: {type_name}| async move {{ let {type_name} {{ {} }} = arguments; \
                 Ok(CallToolResult::text({})) }}).build());",
                tool.name,
                tool.description,
                names.join(", "),
                tool.body
            )
            .unwrap();
        }
        code.push_str("router\n}\n}\n");
    }
    fs::write(Path::new(&env::var("OUT_DIR").unwrap()).join("tools.rs"), code).unwrap();
}
