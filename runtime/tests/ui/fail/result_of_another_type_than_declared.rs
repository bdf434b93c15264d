use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:public"]);

#[derive(Serialize, JsonSchema)]
struct Profile {
    name: String,
}

#[tool(authenticated)]
async fn without_json() -> Json<Profile> {
    Profile { name: String::new() }
}

#[tool(authenticated)]
async fn without_ok() -> Result<Json<Profile>, ToolError> {
    Json(Profile { name: String::new() })
}

#[tool(authenticated)]
async fn without_to_owned() -> String {
    "text"
}

fn main() {}
