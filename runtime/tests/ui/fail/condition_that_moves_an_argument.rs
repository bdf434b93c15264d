#![allow(unused_variables)]

use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["payroll:read:all", "payroll:write:all", "tickets:read", "tickets:write"])
    .implies("payroll:write:all", &["payroll:read:all"]);

#[tool(scopes = "tickets:read", scopes_if(status.into_bytes().is_empty(), "tickets:write"))]
async fn ticket(status: String) {}

fn main() {}
