use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);

#[tool(scopes = "employees:read:public")]
async unsafe fn not_safe() {}

#[tool(scopes = "employees:read:public")]
async extern "C" fn foreign() {}

fn main() {}
