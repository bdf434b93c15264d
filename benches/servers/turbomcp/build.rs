//! Generates the tools for turbomcp.

use std::{env, fmt::Write as _, fs, path::Path};

use toolgate_bench_tools::{SIZES, tools};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let mut code = String::new();
    for size in SIZES {
        writeln!(
            code,
            "pub mod tools_{size} {{\nuse turbomcp::prelude::*;\n#[derive(Clone)]\npub struct Tools;\n\
             #[server(name = \"turbomcp\", version = \"1.0.0\")]\nimpl Tools {{"
        )
        .unwrap();
        for tool in tools(size) {
            let mut arguments = String::new();
            for argument in &tool.arguments {
                write!(
                    arguments,
                    "\n#[description({:?})] {}: {},",
                    argument.description, argument.name, argument.rust_type
                )
                .unwrap();
            }
            writeln!(
                code,
                "#[tool(description = {:?}, scopes({:?}), read_only)]\nasync fn {}(&self, {arguments}) -> String {{ {} }}",
                tool.description, tool.scope, tool.name, tool.body
            )
            .unwrap();
        }
        code.push_str("}\n}\n");
    }
    fs::write(Path::new(&env::var("OUT_DIR").unwrap()).join("tools.rs"), code).unwrap();
}
