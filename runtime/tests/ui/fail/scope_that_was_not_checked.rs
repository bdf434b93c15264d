use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:public"]);

const CONSTANT: Scope = "employees:read:public";

#[tool(authenticated)]
async fn body(caller: &Caller) -> Result<(), ToolError> {
    caller.require("employees:read:public")?;
    Ok(())
}

fn server() -> Server {
    Server::new("HR", &SCOPES).require_for_all("employees:read:public")
}

fn main() {}
