use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:public"]);

#[tool(authenticated)]
async fn boolean() -> bool {
    true
}

#[tool(authenticated)]
async fn tuple() -> (String, u8) {
    (String::new(), 7)
}

#[tool(authenticated)]
async fn bytes() -> Vec<u8> {
    Vec::new()
}

#[tool(authenticated)]
async fn boxed() -> Box<str> {
    "text".into()
}

#[tool(authenticated)]
async fn error() -> ToolError {
    ToolError::new("not found")
}

#[tool(authenticated)]
async fn optional() -> Option<Json<u8>> {
    None
}

fn main() {}
