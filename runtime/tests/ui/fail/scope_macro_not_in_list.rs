use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);

const PRIVATE: Scope = scope!("employees:read:privat");

async fn body(caller: &Caller) -> Result<(), ToolError> {
    caller.require(scope!("tickets"))?;
    Ok(())
}

fn main() {}
