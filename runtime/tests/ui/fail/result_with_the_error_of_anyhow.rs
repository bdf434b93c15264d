use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:public"]);

fn load() -> anyhow::Result<String> {
    Ok("text".to_owned())
}

#[tool(authenticated)]
async fn error() -> Result<String, anyhow::Error> {
    load()
}

#[tool(authenticated)]
async fn alias() -> anyhow::Result<String> {
    Ok(load()?)
}

// Compiles: what the message says to write.
#[tool(authenticated)]
async fn masked() -> Result<String, ToolError> {
    load().map_err(ToolError::masked)
}

fn main() {}
