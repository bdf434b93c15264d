use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);

use std::rc::Rc;

async fn pause() {}

#[tool(scopes = "employees:read:public")]
async fn profile() -> String {
    let name = Rc::new("name".to_owned());
    pause().await;
    name.to_string()
}

fn main() {}
