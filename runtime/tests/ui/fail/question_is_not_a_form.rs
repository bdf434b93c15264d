//! Questions with types that are no forms.

use toolgate::prelude::*;

/// The scopes of the server.
pub static SCOPES: Scopes = Scopes::new(&["read"]);

#[derive(Deserialize, JsonSchema)]
struct Name {
    name: String,
}

/// Greet the user.
#[tool(scopes = "read")]
async fn greet(context: &Context) -> Result<String, ToolError> {
    let Name { name } = context.ask("What is your name?").await?;
    let age = context.ask::<u8>("How old are you?").await?;
    Ok(format!("{name} {age}"))
}

fn main() {}
