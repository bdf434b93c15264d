use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:public"]);

use std::error::Error;

#[tool(authenticated)]
async fn boxed() -> Result<String, Box<dyn Error>> {
    Err("not found")?
}

#[tool(authenticated)]
async fn boxed_and_thread_safe() -> Result<String, Box<dyn Error + Send + Sync>> {
    Err("not found")?
}

fn load() -> Result<String, Box<dyn Error>> {
    Err("not found")?
}

// Compiles: what the message says to write.
#[tool(authenticated)]
async fn masked() -> Result<String, ToolError> {
    load().map_err(|error| ToolError::masked(error.to_string()))
}

fn main() {}
