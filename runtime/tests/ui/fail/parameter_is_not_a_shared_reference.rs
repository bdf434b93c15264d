#![allow(unused_variables)]

use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);

struct Directory;

#[tool(scopes = "employees:read:public")]
async fn profile(directory: &mut Directory) {}

#[tool(scopes = "employees:read:public")]
async fn two_references(directory: &&Directory) {}

fn main() {}
