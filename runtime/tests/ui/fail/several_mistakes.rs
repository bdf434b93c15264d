#![allow(unused_variables)]

use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);

#[tool(name = "look up", tiemout = "30s", read_only = 7, timeout = "soon")]
fn profile(name: &str, (from, to): (String, String)) -> String {
    String::new()
}

// The function still exists, so that this call is not another error.
fn caller() -> String {
    profile("a", (String::new(), String::new()))
}

fn main() {}
