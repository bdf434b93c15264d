#![allow(unused_variables)]

use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["payroll:read:all", "payroll:write:all", "tickets:read", "tickets:write"])
    .implies("payroll:write:all", &["payroll:read:all"]);

async fn small(_amount: &u32) -> Result<(), Denied> {
    Ok(())
}

#[tool(scopes = "tickets:read", guard = small(&amount))]
async fn refund(amount: String) {}

fn main() {}
