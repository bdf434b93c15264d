#![allow(unused_variables)]

use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);

struct Directory;

#[tool(scopes = "employees:read:public")]
async fn lifetime_parameter<'a>(directory: &'a Directory) {}

#[tool(scopes = "employees:read:public")]
async fn static_lifetime(directory: &'static Directory) {}

fn main() {}
