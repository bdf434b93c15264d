use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:public"]);

use axum::Json;

#[derive(Serialize, JsonSchema)]
struct Profile {
    name: String,
}

#[tool(authenticated)]
async fn profile() -> Json<Profile> {
    Json(Profile { name: String::new() })
}

fn main() {}
