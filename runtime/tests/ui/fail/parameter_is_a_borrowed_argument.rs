#![allow(unused_variables)]

use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);

#[tool(scopes = "employees:read:public")]
async fn text(name: &str) {}

#[tool(scopes = "employees:read:public")]
async fn slice(names: &[String]) {}

#[tool(scopes = "employees:read:public")]
async fn optional(name: Option<&str>) {}

#[tool(scopes = "employees:read:public")]
async fn list(names: &Vec<String>) {}

struct Directory;

#[tool(scopes = "employees:read:public")]
async fn optional_state(directory: Option<&Directory>) {}

#[tool(scopes = "employees:read:public")]
async fn number(limit: &u32) {}

fn main() {}
