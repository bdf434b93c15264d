#![allow(unused_variables)]

use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["payroll:read:all", "payroll:write:all", "tickets:read", "tickets:write"])
    .implies("payroll:write:all", &["payroll:read:all"]);

#[tool(scopes = "tickets:read", visible_to = is_on_duty(caller))]
async fn ticket() {}

fn main() {}
