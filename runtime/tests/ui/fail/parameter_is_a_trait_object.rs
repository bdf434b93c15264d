#![allow(unused_variables)]

use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);

trait Directory: Send + Sync {}

#[tool(scopes = "employees:read:public")]
async fn profile(directory: &dyn Directory) {}

fn main() {}
