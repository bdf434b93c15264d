#![allow(unused_variables)]

use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:public"]);

#[tool(authenticated)]
async fn renamed(#[serde(rename = "region")] from: String, region: String) {}

#[tool(authenticated)]
async fn repeated(region: String, region: String) {}

fn main() {}
