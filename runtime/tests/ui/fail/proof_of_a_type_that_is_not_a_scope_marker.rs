#![allow(unused_variables)]

use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["payroll:read:all", "payroll:write:all", "tickets:read", "tickets:write"])
    .implies("payroll:write:all", &["payroll:read:all"]);

pub struct PayrollRead;

#[tool(scopes = "payroll:read:all")]
async fn payroll(access: &Granted<PayrollRead>) {}

fn main() {}
