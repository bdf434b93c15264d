use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);

#[derive(Serialize)]
struct Profile {
    name: String,
}

#[tool(scopes = "employees:read:public")]
async fn profile() -> Result<Json<Profile>, ToolError> {
    Ok(Json(Profile { name: String::new() }))
}

fn main() {}
