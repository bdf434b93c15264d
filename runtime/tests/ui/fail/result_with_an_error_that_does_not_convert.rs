use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);

#[derive(Debug)]
struct NotFound;

#[tool(scopes = "employees:read:public")]
async fn error_without_the_error_trait() -> Result<String, NotFound> {
    Err(NotFound)
}

#[tool(scopes = "employees:read:public")]
async fn string_as_error() -> Result<String, String> {
    Err("not found".to_owned())
}

#[tool(scopes = "employees:read:public")]
async fn question_mark() -> Result<String, ToolError> {
    Err("not found".to_owned())?
}

fn main() {}
