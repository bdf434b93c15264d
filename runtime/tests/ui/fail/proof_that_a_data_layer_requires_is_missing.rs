#![allow(unused_variables)]

use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["payroll:read:all", "payroll:write:all", "tickets:read", "tickets:write"])
    .implies("payroll:write:all", &["payroll:read:all"]);

#[derive(ScopeMarker)]
#[scope("payroll:read:all")]
pub struct PayrollRead;


struct Payroll;

impl Payroll {
    fn total(&self, _access: &Granted<PayrollRead>) -> u32 {
        0
    }
}

#[tool(scopes = "tickets:read")]
async fn total(payroll: &Payroll) -> String {
    payroll.total().to_string()
}

fn main() {}
