//! Generates lists of 1,000 scopes with 10, 100 and 1,000 tools.

use std::{env, fmt::Write as _, fs, path::Path};

use toolgate_bench_tools::scope;

const SCOPES: usize = 1000;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let mut code = String::new();
    for tools in [10, 100, 1000] {
        // A server rejects two lists with the same scopes, so each list has a scope of its own.
        let last = format!("list{tools}:records:read");
        let scopes: Vec<_> = (0..SCOPES - 1).map(scope).chain([last]).map(|scope| format!("{scope:?}")).collect();
        writeln!(code, "pub static SCOPES_{tools}: Scopes = Scopes::new(&[{}]);", scopes.join(",")).unwrap();
        for tool in 0..tools {
            // Spreads the scopes of the tools over the whole list.
            let scope = scope(tool * (SCOPES - 1) / tools);
            writeln!(
                code,
                "inventory::submit! {{ OperationDescriptor::tool(\"tool_{tool:04}\", &SCOPES_{tools}, input, output, body, \"\")\n\
                 .scopes(&[scope(&SCOPES_{tools}, \"SCOPES_{tools}\", {scope:?})]) }}"
            )
            .unwrap();
        }
    }
    fs::write(Path::new(&env::var("OUT_DIR").unwrap()).join("lists.rs"), code).unwrap();
}
