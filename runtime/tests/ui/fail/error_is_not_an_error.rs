use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);

#[derive(Debug)]
struct NotFound;

#[tool(scopes = "employees:read:public")]
async fn structure() -> Result<String, NotFound> {
    Err(NotFound)
}

#[tool(scopes = "employees:read:public")]
async fn text() -> Result<String, String> {
    Err("there is none".to_owned())
}

#[tool(scopes = "employees:read:public")]
async fn question_mark() -> Result<String, ToolError> {
    Err("there is none".to_owned())?
}

fn main() {}
