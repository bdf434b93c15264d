#![allow(unused_variables)]

use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["payroll:read:all", "payroll:write:all", "tickets:read", "tickets:write"])
    .implies("payroll:write:all", &["payroll:read:all"]);

#[derive(ScopeMarker)]
#[scope("payroll:read:all")]
pub struct PayrollRead;


/// Takes a proof for salaries without declaring the scope.
#[tool(scopes = "tickets:read")]
async fn ticket(access: &Granted<PayrollRead>) {}

fn main() {}
