//! Forms without `Deserialize` and `JsonSchema`, and types that are no structs with fields.

use toolgate::{input::Form, prelude::*};

/// The scopes of the server.
pub static SCOPES: Scopes = Scopes::new(&["read"]);

#[derive(Form)]
struct Name {
    name: String,
}

#[derive(Deserialize, JsonSchema, Form)]
enum Priority {
    Low,
    High,
}

#[derive(Deserialize, JsonSchema, Form)]
struct Text(String);

#[derive(Deserialize, JsonSchema, Form)]
struct Choice<T> {
    choice: T,
}

/// Ask for a priority.
#[tool(scopes = "read")]
async fn priority(context: &Context) -> Result<(), ToolError> {
    context.ask::<Priority>("Which priority?").await?;
    Ok(())
}

fn main() {}
