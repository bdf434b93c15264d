#![allow(unused_variables)]

use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);

#[tool(scopes = "employees:read:public")]
async fn profile(#[arg(header = "Region")] from: String, #[arg(header = "region")] to: String) {}

fn main() {}
