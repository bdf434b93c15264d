#![allow(unused_variables)]

use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);

#[tool(scopes = "employees:read:public")]
async fn unknown_key(#[arg(haeder = "Region")] region: String) {}

#[tool(scopes = "employees:read:public")]
async fn no_arguments(#[arg] region: String) {}

#[tool(scopes = "employees:read:public")]
async fn empty_list(#[arg()] region: String) {}

#[tool(scopes = "employees:read:public")]
async fn integer_value(#[arg(header = 7)] region: String) {}

#[tool(scopes = "employees:read:public")]
async fn invalid_header(#[arg(header = "The Region")] region: String) {}

#[tool(scopes = "employees:read:public")]
async fn two_attributes(#[arg(header = "Region")] #[arg(header = "Area")] region: String) {}

#[tool(scopes = "employees:read:public")]
async fn two_headers(#[arg(header = "Region", header = "Area")] region: String) {}

struct Directory;

#[tool(scopes = "employees:read:public")]
async fn on_a_reference(#[arg(header = "Region")] directory: &Directory) {}

#[tool(scopes = "employees:read:public")]
async fn serde_on_a_reference(#[serde(default)] directory: &Directory) {}

#[tool(scopes = "employees:read:public")]
async fn unrelated_attribute(#[unrelated(long)] region: String) {}

fn main() {}
