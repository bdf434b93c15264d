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
async fn constant_as_error() -> Result<String, &'static str> {
    Err("not found")
}

#[tool(scopes = "employees:read:public")]
async fn no_error() -> Result<String, ()> {
    Err(())
}

#[tool(scopes = "employees:read:public")]
async fn question_mark() -> Result<String, ToolError> {
    Err("not found".to_owned())?
}

#[tool(scopes = "employees:read:public")]
async fn converted() -> Result<String, ToolError> {
    Err("not found".into())
}

#[tool(scopes = "employees:read:public")]
async fn constructor() -> Result<String, ToolError> {
    Err(ToolError::masked(7))
}

fn main() {}
