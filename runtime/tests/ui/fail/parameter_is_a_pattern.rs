#![allow(unused_variables)]

use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);

#[derive(Deserialize, JsonSchema)]
struct Page {
    limit: u32,
}

#[tool(scopes = "employees:read:public")]
async fn tuple((from, to): (String, String)) {}

#[tool(scopes = "employees:read:public")]
async fn structure(Page { limit }: Page) {}

#[tool(scopes = "employees:read:public")]
async fn wildcard(_: String) {}

fn main() {}
