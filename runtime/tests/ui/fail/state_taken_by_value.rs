#![allow(unused_variables)]

use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);

struct Directory;

#[tool(scopes = "employees:read:public")]
async fn profile(directory: Directory, caller: Caller, context: Context) {}

fn main() {}
