#![allow(unused_variables)]

use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["payroll:read:all", "payroll:write:all", "tickets:read", "tickets:write"])
    .implies("payroll:write:all", &["payroll:read:all"]);

#[tool(scopes = "tickets:read", guard = own_ticket(caller, &ticket_id))]
async fn ticket(ticket_id: String) {}

fn main() {}
