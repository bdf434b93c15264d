#![allow(unused_variables)]

use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["payroll:read:all", "payroll:write:all", "tickets:read", "tickets:write"])
    .implies("payroll:write:all", &["payroll:read:all"]);

struct Tickets;

async fn own_ticket(_caller: &Caller, _tickets: &Tickets) -> Result<(), Denied> {
    Ok(())
}

#[tool(scopes = "tickets:read", guard = own_ticket(caller, tickets))]
async fn ticket() {}

fn main() {}
