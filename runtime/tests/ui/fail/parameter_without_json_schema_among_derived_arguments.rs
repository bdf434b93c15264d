#![allow(unused_variables)]

use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);

#[derive(Deserialize)]
struct EmployeeId(String);

#[tool(scopes = "employees:read:public")]
async fn profile(id: EmployeeId, #[serde(default)] limit: u32) {}

fn main() {}
