#![allow(unused_variables)]

use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["payroll:read:all", "payroll:write:all", "tickets:read", "tickets:write"])
    .implies("payroll:write:all", &["payroll:read:all"]);

#[tool(scopes = "tickets:read", scopes_if(close, "tickets:wirte"))]
async fn ticket(close: bool) {}

fn main() {}
