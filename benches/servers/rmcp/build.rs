//! Generates the tools, prompts and resources for the macros of rmcp.

use std::{env, fmt::Write as _, fs, path::Path};

use toolgate_bench_tools::{SIZES, rmcp};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let mut code = String::new();
    for size in SIZES {
        writeln!(code, "pub mod tools_{size} {{\n{}super::shared!();\n}}", rmcp::server_items(size)).unwrap();
    }
    fs::write(Path::new(&env::var("OUT_DIR").unwrap()).join("tools.rs"), code).unwrap();
}
