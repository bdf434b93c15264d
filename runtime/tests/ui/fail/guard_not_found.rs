use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:public"]);

#[tool(scopes = "employees:read:public", guard = own_department)]
async fn guarded() {}

#[tool(scopes = "employees:read:public", visible_to = require_org_role("Owner"))]
async fn hidden() {}

fn main() {}
