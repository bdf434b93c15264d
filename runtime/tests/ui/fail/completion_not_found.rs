#![allow(unused_variables)]

use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["reviews:write"]);

#[prompt(scopes = "reviews:write")]
async fn review(#[arg(complete = teams)] team: String) -> String {
    String::new()
}

fn main() {}
