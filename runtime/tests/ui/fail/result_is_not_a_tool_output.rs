use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);

#[derive(Serialize, JsonSchema)]
struct Profile {
    name: String,
}

#[tool(scopes = "employees:read:public")]
async fn structure() -> Profile {
    Profile { name: String::new() }
}

#[tool(scopes = "employees:read:public")]
async fn fallible() -> Result<Profile, ToolError> {
    Ok(Profile { name: String::new() })
}

#[tool(scopes = "employees:read:public")]
async fn list() -> Vec<Profile> {
    Vec::new()
}

#[tool(scopes = "employees:read:public")]
async fn number() -> u32 {
    7
}

#[tool(scopes = "employees:read:public")]
async fn optional() -> Option<String> {
    None
}

fn main() {}
