#![allow(unused_variables)]

use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["reviews:write"]);

fn teams(value: &str, department: &str) -> Vec<String> {
    Vec::new()
}

#[prompt(scopes = "reviews:write")]
async fn review(department: String, #[arg(complete = teams(value, &department))] team: String) -> String {
    String::new()
}

fn main() {}
