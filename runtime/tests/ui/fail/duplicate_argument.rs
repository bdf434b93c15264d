use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);

#[tool(scopes = "employees:read:public", read_only, scopes = "employees:read:private", read_only = false)]
async fn profile() -> String {
    String::new()
}

fn main() {}
