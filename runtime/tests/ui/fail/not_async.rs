use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);

#[tool(scopes = "employees:read:public")]
fn profile() -> String {
    String::new()
}

#[tool(scopes = "employees:read:public")]
pub fn with_visibility() {}

#[tool(scopes = "employees:read:public")]
fn with_a_future() -> impl Future<Output = String> {
    async { String::new() }
}

fn main() {}
