#![allow(unused_variables)]

use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["payroll:read:all", "payroll:write:all", "tickets:read", "tickets:write"])
    .implies("payroll:write:all", &["payroll:read:all"]);

pub static ROLES: Roles = Roles::new(&["Owner", "Admin", "Member"]);

#[tool(scopes = "tickets:read", org_role = "Ownr")]
async fn ticket() {}

fn main() {}
