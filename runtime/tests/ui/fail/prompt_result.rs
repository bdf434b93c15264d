use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["tickets:read"]);

#[derive(Serialize, JsonSchema)]
struct Reply {
    text: String,
}

#[prompt(scopes = "tickets:read")]
async fn structured() -> Json<Reply> {
    Json(Reply { text: String::new() })
}

#[prompt(scopes = "tickets:read")]
async fn nothing() {}

fn main() {}
