use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:public"]);

struct Profile {
    name: String,
}

#[tool(authenticated)]
async fn profile() -> Json<Profile> {
    Json(Profile { name: String::new() })
}

#[tool(authenticated)]
async fn instant() -> Json<std::time::Instant> {
    Json(std::time::Instant::now())
}

fn main() {}
