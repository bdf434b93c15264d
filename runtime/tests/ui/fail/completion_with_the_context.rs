#![allow(unused_variables)]

use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["reviews:write"]);

fn teams(value: &str, context: &Context) -> Vec<String> {
    Vec::new()
}

#[prompt(scopes = "reviews:write")]
async fn review(#[arg(complete = teams(value, context))] team: String, context: &Context) -> String {
    String::new()
}

fn main() {}
