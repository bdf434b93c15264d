#![allow(unused_variables)]

use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["reviews:write"]);

fn nothing(value: &str) {}

async fn a_future_of_numbers(value: &str) -> Vec<u8> {
    Vec::new()
}

fn one_text(value: &str) -> String {
    String::new()
}

fn another_parameter(value: u32) -> Vec<String> {
    Vec::new()
}

#[prompt(scopes = "reviews:write")]
async fn review(
    #[arg(complete = nothing)] a: String,
    #[arg(complete = a_future_of_numbers)] b: String,
    #[arg(complete = one_text(value))] c: String,
    #[arg(complete = another_parameter)] d: String,
) -> String {
    String::new()
}

fn main() {}
