#![allow(unused_variables)]

use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);

struct Directory {
    entries: std::cell::RefCell<Vec<String>>,
}

#[tool(scopes = "employees:read:public")]
async fn profile(directory: &Directory) {}

fn main() {}
