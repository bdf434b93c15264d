#![allow(unused_variables)]

use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:public"]);

#[tool(authenticated)]
async fn instant(at: std::time::Instant) {}

#[tool(authenticated)]
async fn optional(at: Option<std::time::Instant>) {}

#[tool(authenticated)]
async fn callback(call: Box<dyn Fn() + Send>) {}

fn main() {}
