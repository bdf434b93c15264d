use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:public"]);

fn load() -> anyhow::Result<String> {
    Ok("text".to_owned())
}

#[tool(authenticated)]
async fn anyhow() -> Result<String, ToolError> {
    Ok(load()?)
}

#[tool(authenticated)]
async fn text() -> Result<String, ToolError> {
    Err("not found")?
}

fn main() {}
