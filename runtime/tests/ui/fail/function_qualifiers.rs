use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);

#[tool(scopes = "employees:read:public")]
async unsafe fn unsafe_function() {}

#[tool(scopes = "employees:read:public")]
async extern "C" fn extern_function() {}

fn main() {}
