#![allow(unused_variables)]

use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);

#[tool(scopes = "employees:read:public")]
async fn unknown(#[arg(haeder = "Region")] region: String) {}

#[tool(scopes = "employees:read:public")]
async fn bare(#[arg] region: String) {}

#[tool(scopes = "employees:read:public")]
async fn empty(#[arg()] region: String) {}

#[tool(scopes = "employees:read:public")]
async fn value(#[arg(header = 7)] region: String) {}

#[tool(scopes = "employees:read:public")]
async fn illegal(#[arg(header = "The Region")] region: String) {}

#[tool(scopes = "employees:read:public")]
async fn twice(#[arg(header = "Region")] #[arg(header = "Area")] region: String) {}

#[tool(scopes = "employees:read:public")]
async fn twice_in_one(#[arg(header = "Region", header = "Area")] region: String) {}

struct Directory;

#[tool(scopes = "employees:read:public")]
async fn on_a_reference(#[arg(header = "Region")] directory: &Directory) {}

#[tool(scopes = "employees:read:public")]
async fn serde_on_a_reference(#[serde(default)] directory: &Directory) {}

#[tool(scopes = "employees:read:public")]
async fn not_ours(#[clap(long)] region: String) {}

fn main() {}
