#![allow(unused_variables)]

use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["payroll:read:all", "tickets:read"]);

#[derive(ScopeMarker)]
#[scope("payroll:read:all")]
pub struct PayrollRead;

#[prompt(scopes = "tickets:read")]
async fn review(access: &Granted<PayrollRead>) -> String {
    String::new()
}

fn main() {}
