use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["tickets:read"]);

#[prompt(scopes = "tickets:read", read_only)]
async fn hint() -> String {
    String::new()
}

#[prompt(scopes = "tickets:read", approve = "Write a reply")]
async fn approved() -> String {
    String::new()
}

#[prompt(scopes = "tickets:read", uri = "company://tickets")]
async fn prompt_with_a_uri() -> String {
    String::new()
}

#[resource(uri = "company://tickets", scopes = "tickets:read", task)]
async fn resource_as_a_task() -> String {
    String::new()
}

#[tool(scopes = "tickets:read", mime_type = "text/markdown")]
async fn tool_with_a_media_type() {}

#[tool(uri = "company://tickets")]
async fn tool_without_access() {}

fn main() {}
