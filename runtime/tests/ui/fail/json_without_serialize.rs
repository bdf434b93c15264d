use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);

#[derive(JsonSchema)]
struct Profile {
    name: String,
}

#[tool(scopes = "employees:read:public")]
async fn profile() -> Json<Profile> {
    Json(Profile { name: String::new() })
}

fn main() {}
