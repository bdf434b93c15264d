//! Tools in the macros of toolgate.

use std::fmt::Write as _;

use crate::tools;

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
