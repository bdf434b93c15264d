use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:public"]);

#[derive(Serialize, JsonSchema)]
struct Profile {
    name: String,
}

#[tool(authenticated)]
async fn constant() -> &str {
    "hello"
}

#[tool(authenticated)]
async fn fallible() -> Result<&str, ToolError> {
    let text = String::from("hello");
    Ok(&text)
}

#[tool(authenticated)]
async fn of_the_state(profile: &Profile) -> &str {
    &profile.name
}

#[tool(authenticated)]
async fn list(profile: &Profile) -> Vec<&str> {
    vec![&profile.name]
}

#[tool(authenticated)]
async fn json() -> Json<&Profile> {
    unimplemented!()
}

#[tool(authenticated)]
async fn json_of_one_of_two(profile: &Profile, caller: &Caller) -> Json<&str> {
    unimplemented!()
}

#[tool(authenticated)]
async fn text_as_error() -> Result<String, &str> {
    Err("not found")
}

// Compiles: structured content is serialized before the call ends.
#[tool(authenticated)]
async fn json_of_the_state(profile: &Profile) -> Result<Json<&Profile>, ToolError> {
    Ok(Json(profile))
}

fn main() {}
