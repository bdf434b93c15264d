//! Generates the tools, prompts and resources for toolgate.

use std::{env, fmt::Write as _, fs, path::Path};

use toolgate_bench_tools::{SIZES, toolgate};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let mut code = String::new();
    let mut arms = String::new();
    let other_items = toolgate::other_items();
    for size in SIZES {
        writeln!(code, "/// {size} tools.\npub mod tools_{size} {{\n{}{}}}", toolgate::items(size), other_items)
            .unwrap();
        writeln!(arms, "{size} => Some(&tools_{size}::SCOPES),").unwrap();
    }
    writeln!(
        code,
        "/// Returns the scopes of the variant with this number of tools.\n#[must_use]\n\
         pub fn scopes(tools: usize) -> Option<&'static toolgate::Scopes> {{\nmatch tools {{\n{arms}_ => None,\n}}\n}}"
    )
    .unwrap();
    fs::write(Path::new(&env::var("OUT_DIR").unwrap()).join("tools.rs"), code).unwrap();
}
