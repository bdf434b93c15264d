#![allow(unused_variables)]

use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["tickets:read"]);

fn is_browser(_context: &Context) -> bool {
    true
}

#[tool(scopes = "tickets:read", visible_to = is_browser(context))]
async fn ticket(context: &Context) {}

fn main() {}
