use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);

#[tool(scopes = "employees:read:public employees:read:private")]
async fn profile() -> String {
    String::new()
}

fn main() {}
