#![allow(unused_variables)]

use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["payroll:read:all", "payroll:write:all", "tickets:read", "tickets:write"])
    .implies("payroll:write:all", &["payroll:read:all"]);

fn is_own(_caller: &Caller, _ticket_id: &str) -> bool {
    true
}

#[tool(scopes = "tickets:read", visible_to = is_own(caller, &ticket_id))]
async fn ticket(ticket_id: String) {}

fn main() {}
