#![allow(unused_variables)]

use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["reviews:write"]);

#[derive(ScopeMarker)]
#[scope("reviews:write")]
pub struct ReviewsWrite;

fn teams(value: &str, access: &Granted<ReviewsWrite>) -> Vec<String> {
    Vec::new()
}

#[prompt(scopes = "reviews:write")]
async fn review(#[arg(complete = teams(value, access))] team: String, access: &Granted<ReviewsWrite>) -> String {
    String::new()
}

fn main() {}
